//! Scoring what tools made of a corpus: leaks, protective actions, what research needs, pixels, persons, intervals.

mod judge;
mod leaks;
mod pixels;
mod places;
mod reader;
mod report;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};
use judge::{Verdict, Whole};
use places::Pair;
use reader::File;
use serde::Serialize;
use sim::corpus::key::{Fate, ObjectKey, Options, Place, Rule};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder that `bench corpus` wrote
    #[arg(value_name = "CORPUS")]
    corpus: PathBuf,
    /// What each tool wrote, as NAME=FOLDER
    #[arg(value_name = "NAME=FOLDER", required = true)]
    tools: Vec<String>,
    /// Score by the Basic Profile alone instead of the research options
    #[arg(long)]
    basic: bool,
    /// Also write the scores here, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also list what the first tool lost, place by place, with an example of each
    #[arg(long, value_name = "FILE")]
    losses: Option<PathBuf>,
}

/// How many of how many.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Share {
    done: usize,
    of: usize,
}

impl Share {
    fn add(&mut self, done: bool) {
        self.of += 1;
        self.done += usize::from(done);
    }

    fn add_if_asked(&mut self, done: Option<bool>) {
        if let Some(done) = done {
            self.add(done);
        }
    }
}

/// Protective actions taken, elements kept.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Shares {
    actions: Share,
    elements: Share,
}

/// What a tool made of a corpus.
#[derive(Debug, Default, Serialize)]
struct Score {
    tool: String,
    objects: usize,
    written: usize,
    unreadable: usize,
    /// Of those written: how many have no leak.
    leak_free: Share,
    /// Of those that must be held: how many were.
    held_as_must: Share,
    /// Of those that can be cleaned: how many were written.
    written_as_can: Share,
    all: Shares,
    by_kind: BTreeMap<String, Shares>,
    leak_free_by_kind: BTreeMap<String, Share>,
    by_category: BTreeMap<String, Shares>,
    /// Identifying texts in pixels that can no longer be read.
    texts_hidden: Share,
    /// Persons with one pseudonym that nobody else has.
    pseudonyms: Share,
    /// Persons all of whose dates moved by one constant.
    intervals: Share,
    /// What was found in the bytes, by the kind of object.
    leaks: BTreeMap<String, usize>,
    #[serde(skip)]
    losses: BTreeMap<String, Loss>,
}

/// A way to fail, with one example: everything in the corpus is invented.
#[derive(Debug, Default)]
struct Loss {
    count: usize,
    example: String,
}

/// The corpus with its key.
struct Corpus {
    folder: PathBuf,
    keys: Vec<ObjectKey>,
    options: Options,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let options = if args.basic { Options::Basic } else { Options::Research };
    let path = args.corpus.join("key.jsonl");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let keys = text.lines().map(serde_json::from_str).collect::<Result<Vec<ObjectKey>, _>>()?;
    let corpus = Corpus { folder: args.corpus.clone(), keys, options };
    let mut scores = Vec::new();
    for tool in &args.tools {
        let (name, folder) = tool.split_once('=').with_context(|| format!("{tool}: not NAME=FOLDER"))?;
        scores.push(corpus.score(name, Path::new(folder))?);
    }
    print!("{}", report::markdown(&corpus, &scores));
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&scores)?)?;
    }
    if let (Some(path), Some(first)) = (&args.losses, scores.first()) {
        fs::write(path, report::losses(first))?;
    }
    Ok(())
}

impl Corpus {
    fn score(&self, name: &str, folder: &Path) -> Result<Score> {
        let (outputs, unreadable) = self.outputs(folder)?;
        let mut score = Score { tool: name.into(), objects: self.keys.len(), unreadable, ..Score::default() };
        let whole = self.whole(&outputs);
        for key in &self.keys {
            let fate = key.fate(self.options);
            let Some(pair) = outputs.get(&key.number) else {
                match fate {
                    Fate::MustHold => score.held_as_must.add(true),
                    Fate::Either => {}
                    Fate::CanClean => {
                        score.written_as_can.add(false);
                        self.lost(key, &mut score);
                    }
                }
                continue;
            };
            score.written += 1;
            match fate {
                Fate::MustHold => score.held_as_must.add(false),
                Fate::Either => {}
                Fate::CanClean => score.written_as_can.add(true),
            }
            self.judge_one(key, pair, &whole, fate, &mut score)?;
        }
        self.persons(&outputs, &whole, &mut score);
        Ok(score)
    }

    /// The outputs by the InstanceNumber of what they were made of.
    fn outputs(&self, folder: &Path) -> Result<(HashMap<u32, Pair>, usize)> {
        let by_number: HashMap<u32, &ObjectKey> = self.keys.iter().map(|key| (key.number, key)).collect();
        let mut outputs = HashMap::new();
        let mut unreadable = 0;
        let paths = if folder.exists() { crate::measure::files(folder)? } else { Vec::new() };
        for path in paths {
            let Ok(after) = File::read(fs::read(&path)?) else {
                unreadable += 1;
                continue;
            };
            let number = after.set.ascii(dicom::tag::Tag(0x0020, 0x0013)).and_then(|text| text.parse().ok());
            let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let Some(key) = number.or(stem).and_then(|number| by_number.get(&number)) else {
                unreadable += 1;
                continue;
            };
            let before = File::read(fs::read(self.folder.join("in").join(&key.file))?)?;
            outputs.insert(key.number, Pair { before, after });
        }
        Ok((outputs, unreadable))
    }

    fn rules<'k>(&self, key: &'k ObjectKey) -> Vec<(&'k Place, &'k Rule)> {
        key.places.iter().filter_map(|place| Some((place, place.rule(self.options)?))).collect()
    }

    /// What most places agree on: what each UID became, how far each person's dates moved.
    fn whole(&self, outputs: &HashMap<u32, Pair>) -> Whole {
        let (mut uids, mut days) = (HashMap::new(), HashMap::new());
        for key in &self.keys {
            if let Some(pair) = outputs.get(&key.number) {
                judge::observe(key, &self.rules(key), pair, &mut uids, &mut days);
            }
        }
        let mut whole = Whole { uids: most(uids), offsets: most(days) };
        // Two old UIDs that became one are no longer told apart.
        let mut owners: HashMap<String, usize> = HashMap::new();
        for new in whole.uids.values() {
            *owners.entry(new.clone()).or_default() += 1;
        }
        whole.uids.retain(|_, new| owners.get(new) == Some(&1));
        whole
    }

    /// An object that was not written although it can be cleaned: all its actions and elements failed.
    fn lost(&self, key: &ObjectKey, score: &mut Score) {
        let why = format!("{} held", key.kind);
        let loss = score.losses.entry(why).or_default();
        loss.count += 1;
        loss.example = key.file.clone();
        for (place, rule) in self.rules(key) {
            score.count(key, &place.category, Verdict::lost(place, rule));
        }
        let Some(pixels) = &key.pixels else { return };
        for writing in &pixels.writings {
            let verdict = if writing.identifies {
                score.texts_hidden.add(false);
                Verdict { protected: Some(false), kept: None }
            } else {
                Verdict { protected: None, kept: Some(false) }
            };
            score.count(key, "text in pixels", verdict);
        }
        score.count(key, "pixels", Verdict { protected: None, kept: Some(false) });
    }

    fn judge_one(
        &self,
        key: &ObjectKey,
        pair: &Pair,
        whole: &Whole,
        fate: Fate,
        score: &mut Score,
    ) -> Result<()> {
        let mut leaks = leaks::found(&pair.after, &key.leaks);
        // What nobody could have cleaned is a leak as a whole; its places are not counted.
        if fate == Fate::MustHold {
            leaks.push(format!("written: {}", key.why));
        } else {
            for (place, rule) in self.rules(key) {
                let verdict = judge::judge(whole, key, place, rule, pair);
                score.note(key, place, rule, verdict, judge::value(pair, place));
                score.count(key, &place.category, verdict);
            }
            self.judge_pixels(key, pair, score, &mut leaks)?;
        }
        for leak in &leaks {
            score.lose(format!("{}: LEAK", key.kind), &key.file, leak);
            *score.leaks.entry(key.kind.clone()).or_default() += 1;
        }
        score.leak_free.add(leaks.is_empty());
        score.leak_free_by_kind.entry(key.kind.clone()).or_default().add(leaks.is_empty());
        Ok(())
    }

    fn judge_pixels(
        &self,
        key: &ObjectKey,
        pair: &Pair,
        score: &mut Score,
        leaks: &mut Vec<String>,
    ) -> Result<()> {
        let Some(pixels) = &key.pixels else { return Ok(()) };
        let before = fs::read(self.folder.join("samples").join(&key.file))?;
        let texts = pixels.writings.iter().filter(|writing| writing.identifies).count();
        let seen = pixels::look(pair, pixels, &before).unwrap_or_else(|| pixels::Seen {
            // Pixels that are gone tell nothing and are of no use.
            hidden: vec![true; texts],
            markers: vec![false; pixels.writings.len() - texts],
            rest: false,
            bits: true,
        });
        for hidden in &seen.hidden {
            score.texts_hidden.add(*hidden);
            score.count(key, "text in pixels", Verdict { protected: Some(*hidden), kept: None });
        }
        if seen.hidden.contains(&false) {
            leaks.push("text in the pixels".into());
        }
        for legible in &seen.markers {
            score.count(key, "text in pixels", Verdict { protected: None, kept: Some(*legible) });
            if !legible {
                score.lose("marker in pixels hidden".into(), &key.file, &key.kind);
            }
        }
        if pixels.hidden_bits {
            score.count(
                key,
                "bits above the stored ones",
                Verdict { protected: Some(seen.bits), kept: None },
            );
            if !seen.bits {
                leaks.push("bits above the stored ones".into());
            }
        }
        score.count(key, "pixels", Verdict { protected: None, kept: Some(seen.rest) });
        if !seen.rest {
            score.lose(
                format!("{}: pixels changed outside of texts", key.kind),
                &key.file,
                &pair.after.syntax,
            );
        }
        Ok(())
    }

    /// One pseudonym for all that was written of a person, and nobody else's; one constant for all dates.
    fn persons(&self, outputs: &HashMap<u32, Pair>, whole: &Whole, score: &mut Score) {
        let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut owners: HashMap<String, BTreeSet<&str>> = HashMap::new();
        let mut moved: BTreeMap<&str, bool> = BTreeMap::new();
        for key in self.keys.iter().filter(|key| key.fate(self.options) != Fate::MustHold) {
            let Some(pair) = outputs.get(&key.number) else { continue };
            let name = judge::pseudonym(pair).unwrap_or_default();
            owners.entry(name.clone()).or_default().insert(&key.person);
            names.entry(&key.person).or_default().insert(name);
            for (place, rule) in self.rules(key) {
                if *rule == Rule::Shift && place.vr != "TM" {
                    let kept = judge::judge(whole, key, place, rule, pair).kept != Some(false);
                    *moved.entry(&key.person).or_insert(true) &= kept || judge::value(pair, place).is_none();
                }
            }
        }
        for names in names.values() {
            let own = |name: &String| !name.is_empty() && owners.get(name).is_some_and(|who| who.len() == 1);
            score.pseudonyms.add(names.len() == 1 && names.iter().all(own));
        }
        for person in names.keys() {
            let moved =
                moved.get(person) == Some(&true) && whole.offsets.get(*person).is_some_and(|days| *days != 0);
            score.intervals.add(moved);
        }
    }
}

impl Score {
    fn count(&mut self, key: &ObjectKey, category: &str, verdict: Verdict) {
        let kind = self.by_kind.entry(key.kind.clone()).or_default();
        let category = self.by_category.entry(category.to_owned()).or_default();
        for shares in [&mut self.all, kind, category] {
            shares.actions.add_if_asked(verdict.protected);
            shares.elements.add_if_asked(verdict.kept);
        }
    }

    fn note(&mut self, key: &ObjectKey, place: &Place, rule: &Rule, verdict: Verdict, now: Option<String>) {
        let failed = [("not protected", verdict.protected), ("not kept", verdict.kept)];
        for (what, _) in failed.into_iter().filter(|(_, done)| *done == Some(false)) {
            let name = report::named(&place.path);
            let got = now.as_ref().map_or("absent".to_owned(), |now| format!("{:?}", report::short(now)));
            let example = format!("{:?} -> {got} by {}", report::short(&place.value), report::rule(rule));
            self.lose(format!("{what} | {} | {name}", place.category), &key.file, &example);
        }
    }

    fn lose(&mut self, what: String, file: &str, example: &str) {
        let loss = self.losses.entry(what).or_default();
        loss.count += 1;
        if loss.example.is_empty() {
            loss.example = format!("{file}: {example}");
        }
    }
}

/// For each key the value that was seen most; of equals the smaller, so that a run is like another.
fn most<K: Eq + std::hash::Hash, V: Ord + Clone + Eq + std::hash::Hash>(
    seen: HashMap<K, HashMap<V, usize>>,
) -> HashMap<K, V> {
    seen.into_iter()
        .filter_map(|(key, counts)| {
            let best = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
            Some((key, best.0))
        })
        .collect()
}
