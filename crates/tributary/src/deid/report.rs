//! `--report`: one page that tells what was done to a folder. It names no file of IN and holds no value of any patient.

use super::outcome::what_to_do;
use super::store::{Store, Tally, Treatment};
use super::tell::{PixelsTold, Told};
use ::deid::changes::Change;
use ::deid::profile::{Profile, iod};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const STYLE: &str = include_str!("report.css");
/// More kinds of treatment, or objects of one kind, make a page that nobody reads; `--json` tells of each object.
const TREATMENTS_MAX: usize = 100;
const OBJECTS_MAX: usize = 200;
/// Boxes that are drawn of one object.
const MASKS_MAX: usize = 200;

/// What the page says beside what lies in the store.
pub(super) struct Heading<'a> {
    pub(super) profile: &'a Profile,
    pub(super) is_rehearsal: bool,
}

/// How many elements of an attribute came to which end.
#[derive(Default)]
struct Ends([u64; Change::ALL.len()]);

/// Writes the page, whole or not at all.
pub(super) fn write(path: &Path, (store, tally): (&Store, &Tally), heading: &Heading<'_>) -> Result<()> {
    let page = page((store, tally), heading)?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = fs::write(&part, page).and_then(|()| fs::rename(&part, path));
    written.with_context(|| format!("report {}", path.display()))
}

fn page((store, tally): (&Store, &Tally), heading: &Heading<'_>) -> Result<String> {
    let title = if heading.is_rehearsal { "De-identification: dry run" } else { "De-identification report" };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to main content</a>\n\
         <header><p>Tributary</p></header>\n<main id=\"main\">\n<h1>{title}</h1>\n"
    );
    if heading.is_rehearsal {
        html += "<p class=\"note\"><strong>Nothing was written.</strong> This is what would happen.</p>\n";
    }
    html += &summary(tally, heading.profile);
    html += &kinds(tally);
    html += &held(tally);
    html += &pixels(store, tally)?;
    html += &attributes(store)?;
    html += &objects(store)?;
    html += "<p>This page names no file that was read and holds no value of any patient. Which file was held is in the list that \
             lies beside the mapping, at the hospital.</p>\n</main>\n</body>\n</html>\n";
    Ok(html)
}

fn summary(tally: &Tally, profile: &Profile) -> String {
    let mut html = "<dl class=\"totals\">\n".to_owned();
    for (what, n) in [
        ("files read", tally.files()),
        ("cleared", tally.of("cleared")),
        ("held", tally.of("held")),
        ("the same as another", tally.of("repeated")),
        ("people", tally.people as u64),
    ] {
        let _ = writeln!(html, "<div><dt>{what}</dt><dd>{n}</dd></div>");
    }
    html += "</dl>\n<h2>The rules</h2>\n";
    let _ = writeln!(
        html,
        "<p>Profile <strong>{}</strong>: the Basic Profile of {}, by {}. Options:</p>\n<ul>",
        text(profile.name()),
        text(profile.edition()),
        text(::deid::ENGINE)
    );
    let mut options = profile.options().peekable();
    if options.peek().is_none() {
        html += "<li>none</li>\n";
    }
    for option in options {
        let _ = writeln!(html, "<li><code>{}</code></li>", option.name());
    }
    html + "</ul>\n"
}

/// A table in a frame of its own that scrolls where the page is narrow.
fn table(title: &str, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let is_number = |cell: &String| cell.bytes().all(|byte| byte.is_ascii_digit());
    // Numbers stand to the right, and what heads them.
    let class = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        if !rows.is_empty() && cells.into_iter().all(is_number) { " class=\"n\"" } else { "" }
    };
    let classes: Vec<&str> = (0..headings.len()).map(class).collect();
    let mut html = format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\">\n<table>\n<thead><tr>"
    );
    for (heading, class) in headings.iter().zip(&classes) {
        let _ = write!(html, "<th scope=\"col\"{class}>{heading}</th>");
    }
    html += "</tr></thead>\n<tbody>\n";
    for row in &rows {
        html += "<tr>";
        for (cell, class) in row.iter().zip(&classes) {
            let _ = write!(html, "<td{class}>{}</td>", text(cell));
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table>\n</div>\n"
}

fn kinds(tally: &Tally) -> String {
    let mut kinds = BTreeMap::<(String, String), [u64; 3]>::new();
    for (end, files) in &tally.ends {
        let class = match iod(&end.sop_class) {
            Some(iod) => iod.replace('-', " "),
            None if end.sop_class.is_empty() => "not of the standard, or not read".to_owned(),
            None => end.sop_class.clone(),
        };
        let at = ["cleared", "repeated", "held"].iter().position(|outcome| *outcome == end.outcome);
        let ends = kinds.entry((end.modality.clone(), class)).or_default();
        at.into_iter().for_each(|at| ends[at] += files);
    }
    let rows = kinds.into_iter().map(|((modality, class), [cleared, repeated, held])| {
        let modality = if modality.is_empty() { "–".to_owned() } else { modality };
        [vec![modality, class], [cleared, held, repeated].iter().map(u64::to_string).collect()].concat()
    });
    let title = "Kinds of objects";
    let headings = ["Modality", "Kind", "Cleared", "Held", "The same as another"];
    format!("<h2>{title}</h2>\n{}", table(title, &headings, rows))
}

fn held(tally: &Tally) -> String {
    let title = "What was held, and what to do";
    let mut reasons: Vec<(&str, u64)> = tally.reasons().into_iter().collect();
    if reasons.is_empty() {
        return format!("<h2>{title}</h2>\n<p>Nothing was held.</p>\n");
    }
    reasons.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
    let rows = reasons.into_iter().map(|(code, files)| {
        let what = what_to_do(code).to_owned();
        vec![code.to_owned(), files.to_string(), what]
    });
    format!("<h2>{title}</h2>\n{}", table(title, &["Reason", "Files", "What to do"], rows))
}

/// How far pixels were looked at, and where something was blanked: boxes in a frame of the image's size.
fn pixels(store: &Store, tally: &Tally) -> Result<String> {
    let rows = tally.extents.iter().map(|((modality, extent), files)| {
        let modality = if modality.is_empty() { "–" } else { modality };
        vec![modality.to_owned(), in_words(extent).to_owned(), files.to_string()]
    });
    let title = "Pixels of what was cleared";
    let mut html = format!(
        "<h2>{title}</h2>\n{}",
        table(title, &["Modality", "How far they were looked at", "Objects"], rows)
    );
    let masked = store.masked(OBJECTS_MAX)?;
    if masked.is_empty() {
        return Ok(html + "<p>Nothing was blanked.</p>\n");
    }
    html += "<h3>What was blanked</h3>\n<ul class=\"masks\">\n";
    for (place, told) in masked {
        let told: PixelsTold = serde_json::from_str(&told)?;
        let (columns, rows) = (told.columns.max(1), told.rows.max(1));
        let plural = if told.masked.len() == 1 { "box" } else { "boxes" };
        let said =
            format!("{} {plural} in {columns} × {rows} pixels, frames: {}", told.masked.len(), told.frames);
        let _ = write!(html, "<li><svg viewBox=\"0 0 {columns} {rows}\" role=\"img\" aria-label=\"{said}\">");
        let _ = write!(html, "<rect class=\"frame\" width=\"{columns}\" height=\"{rows}\"/>");
        for [left, top, width, height] in told.masked.iter().take(MASKS_MAX) {
            let _ = write!(html, "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>");
        }
        let _ = writeln!(html, "</svg><p>{said}</p><p class=\"files\">{}</p></li>", text(&place));
    }
    Ok(html + "</ul>\n")
}

/// What an extent says (see `deid::pixels::Extent`).
fn in_words(extent: &str) -> &'static str {
    match extent {
        "read" => "every frame read for text",
        "left-out" => "a primary image that the project's sample left out",
        "values" => "no picture: doses, segments, parameters",
        "no-pixels" => "none there",
        "person" => "a person looked",
        _ => "not read: judged by what the object says of itself",
    }
}

/// Every treatment that objects of this run had, and how many had it.
fn each_treatment(store: &Store, mut each: impl FnMut(&Treatment, u64, &[Told]) -> Result<()>) -> Result<()> {
    let mut after = String::new();
    loop {
        let batch = store.treatments(&after)?;
        let Some((last, _)) = batch.last() else { return Ok(()) };
        after.clone_from(&last.digest);
        for (treatment, files) in batch.iter().filter(|(_, files)| *files > 0) {
            each(treatment, *files, &treatment.told()?)?;
        }
    }
}

fn attributes(store: &Store) -> Result<String> {
    let mut all = BTreeMap::<(String, String), Ends>::new();
    each_treatment(store, |_, files, told| {
        for told in told {
            let Some(at) = Change::ALL.iter().position(|change| change.name() == told.action) else {
                continue;
            };
            let (tag, keyword) = told.attribute();
            all.entry((tag.to_owned(), keyword.to_owned())).or_default().0[at] += files;
        }
        Ok(())
    })?;
    let rows = all.into_iter().map(|((tag, keyword), ends)| {
        let ends = ends.0.iter().map(|n| if *n == 0 { String::new() } else { n.to_string() });
        [tag, keyword].into_iter().chain(ends).collect()
    });
    let title = "Attributes, and in how many objects which was done";
    let headings: Vec<&str> = ["Tag", "Attribute"].into_iter().chain(Change::ALL.map(Change::name)).collect();
    Ok(format!(
        "<h2>{title}</h2>\n<p>An attribute inside sequences is counted wherever it stands; an object in which it stands at two places \
         is counted for both.</p>\n<details><summary>Show the attributes</summary>\n{}</details>\n",
        table(title, &headings, rows)
    ))
}

fn objects(store: &Store) -> Result<String> {
    let mut html = "<h2>Objects</h2>\n<p>Objects to which the same was done stand together. Names are those in OUT.</p>\n"
        .to_owned();
    let mut number = 0;
    each_treatment(store, |treatment, files, told| {
        number += 1;
        if number > TREATMENTS_MAX {
            return Ok(());
        }
        let plural = if files == 1 { "object" } else { "objects" };
        let _ = writeln!(
            html,
            "<details><summary>Treatment {number}: {files} {plural}</summary>\n<ul class=\"files\">"
        );
        for place in store.treated(treatment, OBJECTS_MAX)? {
            let _ = writeln!(html, "<li>{}</li>", text(&place));
        }
        if files > OBJECTS_MAX as u64 {
            let _ = writeln!(html, "<li>and {} more</li>", files - OBJECTS_MAX as u64);
        }
        html += "</ul>\n";
        html += "<dl>\n";
        for change in Change::ALL {
            let names: Vec<String> = told
                .iter()
                .filter(|told| told.action == change.name())
                .map(|told| text(&told.name()))
                .collect();
            if !names.is_empty() {
                let _ = writeln!(
                    html,
                    "<dt>{} ({})</dt><dd>{}</dd>",
                    change.name(),
                    names.len(),
                    names.join(", ")
                );
            }
        }
        html += "</dl>\n";
        html += "</details>\n";
        Ok(())
    })?;
    if number > TREATMENTS_MAX {
        let _ = writeln!(
            html,
            "<p>And {} more treatments: <code>--json</code> tells of each object.</p>",
            number - TREATMENTS_MAX
        );
    }
    Ok(html)
}

/// Text as HTML holds it.
fn text(plain: &str) -> String {
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
