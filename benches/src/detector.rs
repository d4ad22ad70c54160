//! The detector of burned-in text: what it finds, what it takes for text and is none, and how fast.
//!
//! Pictures come from `sim::lettering`. Tune on its development set only; what is published is the reporting set, which has
//! other typefaces, other words and other seeds.

use crate::silent;
use ab_glyph::{Font, FontVec, PxScale, ScaleFont, point};
use anyhow::{Context, Result};
use deid::pixels::detect::{Markers, Plane, find_text};
use deid::pixels::region::Region;
use sim::lettering::{Face, Ground, Line, Picture, Raster, Set, built_in, picture};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A line counts as found when boxes cover this share of its ink.
const FOUND_SHARE: f64 = 0.95;
/// What is counted by contrast and letters: what the first look finds, and what has been blanked when nothing is found any more.
const FIRST_LOOK: &str = "contrast, letters";
const ALL_LOOKS: &str = "contrast, letters, blanked in the end";
/// Blanking and looking again is given up after this many rounds.
const ROUNDS_MAX: usize = 5;

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Args {
    /// Pictures with text, and as many without
    #[arg(long, default_value_t = 600)]
    pictures: u64,
    /// Measure on the development set: for tuning, never to publish
    #[arg(long)]
    development: bool,
    /// Only the typefaces that are built in
    #[arg(long)]
    built_in: bool,
    /// Where TrueType fonts lie
    #[arg(long, value_name = "DIR", default_value = "/usr/share/fonts/truetype")]
    fonts: PathBuf,
    /// Write pictures with lines that were missed and boxes that are false here, as PGM
    #[arg(long, value_name = "DIR")]
    show: Option<PathBuf>,
    /// Look at the PGM images of a folder instead, on which nothing is written: see `./dev anatomy`
    #[arg(long, value_name = "DIR")]
    silent: Option<PathBuf>,
}

/// Fonts of the system, by set, as folder and file (Debian's fonts-dejavu-core, fonts-liberation2, fonts-freefont-ttf,
/// fonts-hack).
fn files(set: Set) -> &'static [&'static str] {
    match set {
        Set::Development => &[
            "dejavu/DejaVuSans.ttf",
            "dejavu/DejaVuSans-Bold.ttf",
            "dejavu/DejaVuSansMono.ttf",
            "dejavu/DejaVuSerif.ttf",
        ],
        Set::Reporting => &[
            "liberation2/LiberationSans-Regular.ttf",
            "liberation2/LiberationSans-Bold.ttf",
            "liberation2/LiberationSerif-Italic.ttf",
            "liberation2/LiberationMono-Regular.ttf",
            "freefont/FreeSans.ttf",
            "freefont/FreeSerif.ttf",
            "freefont/FreeMono.ttf",
            "hack/Hack-Regular.ttf",
        ],
    }
}

/// A TrueType face.
pub(crate) struct TrueType {
    name: String,
    font: FontVec,
}

impl TrueType {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        Ok(Self { name, font: FontVec::try_from_vec(bytes)? })
    }
}

impl Face for TrueType {
    fn name(&self) -> &str {
        &self.name
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "letters are a few hundred pixels high, coverage lies between 0 and 1"
    )]
    fn line(&self, text: &str, height_px: u32) -> Option<Raster> {
        let high = |scale: f32| {
            let glyph = self.font.glyph_id('H').with_scale(PxScale::from(scale));
            self.font.outline_glyph(glyph).map(|glyph| glyph.px_bounds().height())
        };
        let scale = PxScale::from(1000.0 * height_px as f32 / high(1000.0)?);
        let scaled = self.font.as_scaled(scale);
        let (mut x, mut glyphs) = (0.0, Vec::new());
        for letter in text.chars() {
            let id = self.font.glyph_id(letter);
            glyphs.extend(
                self.font.outline_glyph(id.with_scale_and_position(scale, point(x, scaled.ascent()))),
            );
            x += scaled.h_advance(id);
        }
        let bounds = glyphs.iter().map(|glyph| glyph.px_bounds()).reduce(|mut a, b| {
            a.min = point(a.min.x.min(b.min.x), a.min.y.min(b.min.y));
            a.max = point(a.max.x.max(b.max.x), a.max.y.max(b.max.y));
            a
        })?;
        let (width, height) = (bounds.width() as usize, bounds.height() as usize);
        let mut cover = vec![0u8; width * height];
        for glyph in &glyphs {
            let own = glyph.px_bounds();
            let (left, top) = ((own.min.x - bounds.min.x) as usize, (own.min.y - bounds.min.y) as usize);
            glyph.draw(|x, y, share| {
                if let Some(value) = cover.get_mut((top + y as usize) * width + left + x as usize) {
                    *value = (*value).max((share * 255.0).min(255.0) as u8);
                }
            });
        }
        Some(Raster { width, height, cover })
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(folder) = &args.silent {
        return silent::run(folder);
    }
    let set = if args.development { Set::Development } else { Set::Reporting };
    let mut faces = built_in(set);
    if !args.built_in {
        for file in files(set) {
            match TrueType::open(&args.fonts.join(file)) {
                Ok(face) => faces.push(Box::new(face)),
                Err(error) => eprintln!("without {file}: {error:#}"),
            }
        }
    }
    if let Some(folder) = &args.show {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut table = Table::default();
    for nth in 0..args.pictures {
        let drawn = picture(set, nth, &faces);
        let boxes = find(&drawn);
        let all = table.count_rounds(&drawn, boxes.clone());
        let missed = table.count_lines(&drawn, &boxes, &all);
        if missed {
            show(args, &format!("missed-{nth:04}"), &drawn, &all)?;
        }
    }
    let mut rate = BTreeMap::new();
    for nth in args.pictures..2 * args.pictures {
        let drawn = picture(set, nth, &[]);
        let begun = processor_s()?;
        let boxes = find(&drawn);
        let spent = rate.entry(drawn.ground).or_insert((0.0, 0.0));
        *spent = (spent.0 + processor_s()? - begun, spent.1 + megapixels(&drawn));
        table.count_false(&drawn, &boxes);
        if !boxes.is_empty() {
            show(args, &format!("false-{nth:04}"), &drawn, &boxes)?;
        }
    }
    table.print(args.pictures, &faces);
    print_rate(&rate);
    Ok(())
}

/// What this thread has had of a processor so far (schedstat, in nanoseconds): others on the machine do not count.
fn processor_s() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let first = stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
    first.map(|ns| ns / 1e9).context("/proc/self/schedstat")
}

pub(crate) fn find(picture: &Picture) -> Vec<Region> {
    find_text(
        &Plane { width: picture.width, height: picture.height, samples: &picture.samples },
        &Markers::default(),
    )
}

fn megapixels(picture: &Picture) -> f64 {
    (picture.width * picture.height) as f64 / 1e6
}

fn holds(region: &Region, (x, y): (u32, u32)) -> bool {
    (region.left..region.left + region.width).contains(&x)
        && (region.top..region.top + region.height).contains(&y)
}

fn is_found(line: &Line, boxes: &[Region]) -> bool {
    let covered = line.ink.iter().filter(|pixel| boxes.iter().any(|region| holds(region, **pixel))).count();
    covered as f64 >= FOUND_SHARE * line.ink.len() as f64
}

/// Lines found of lines drawn, by what they have in common; what was boxed without reason; rounds until silence.
#[derive(Default)]
struct Table {
    lines: BTreeMap<(&'static str, String), (usize, usize)>,
    /// Of a kind of picture: pictures, those with a box, boxes, pixels in boxes, megapixels.
    false_boxes: BTreeMap<(&'static str, String), [f64; 5]>,
    rounds: BTreeMap<usize, usize>,
}

impl Table {
    /// Counts lines that the first look finds, and those that all looks do; whether any was missed.
    fn count_lines(&mut self, picture: &Picture, boxes: &[Region], all: &[Region]) -> bool {
        let mut missed = false;
        for line in &picture.lines {
            let found = is_found(line, boxes);
            let is_blanked = is_found(line, all);
            missed |= !is_blanked;
            let letters = match line.letters {
                1 => "1",
                2 => "2",
                _ => "3 and more",
            };
            let height = match line.height_px {
                ..10 => "7–9 px",
                10..16 => "10–14 px",
                16..35 => "16–28 px",
                35..70 => "35–56 px",
                _ => "72–140 px",
            };
            for (what, which) in [
                ("all", String::new()),
                ("modality", picture.ground.name().into()),
                ("height of capitals", height.into()),
                ("contrast", format!("{:?}", line.contrast)),
                (FIRST_LOOK, format!("{:?}, {letters}", line.contrast)),
                (ALL_LOOKS, format!("{:?}, {letters}", line.contrast)),
                ("turn", format!("{:?}", line.turn)),
                ("style", format!("{:?}", line.style)),
                ("letters", letters.into()),
                ("noise", format!("σ {:>2}", picture.noise)),
                ("bits", format!("{:>2}", picture.bits)),
                ("typeface", line.face.clone()),
            ] {
                let entry = self.lines.entry((what, which)).or_default();
                let counts = if what == ALL_LOOKS { is_blanked } else { found };
                *entry = (entry.0 + usize::from(counts), entry.1 + 1);
            }
        }
        missed
    }

    /// Blanks the boxes and looks again, until there are none; gives all.
    fn count_rounds(&mut self, picture: &Picture, mut boxes: Vec<Region>) -> Vec<Region> {
        let mut blanked = picture.clone();
        let (mut rounds, mut all) = (0, Vec::new());
        while !boxes.is_empty() && rounds < ROUNDS_MAX {
            all.extend_from_slice(&boxes);
            for region in &boxes {
                for y in region.top..region.top + region.height {
                    let from = y as usize * picture.width + region.left as usize;
                    blanked.samples[from..from + region.width as usize].fill(0);
                }
            }
            boxes = find(&blanked);
            rounds += 1;
        }
        let rounds = if boxes.is_empty() { rounds } else { ROUNDS_MAX + 1 };
        *self.rounds.entry(rounds).or_default() += 1;
        all
    }

    fn count_false(&mut self, picture: &Picture, boxes: &[Region]) {
        let pixels: u64 = boxes.iter().map(|region| u64::from(region.width) * u64::from(region.height)).sum();
        for (what, which) in [
            ("all", String::new()),
            ("modality", picture.ground.name().into()),
            ("noise", format!("σ {:>2}", picture.noise)),
        ] {
            let entry = self.false_boxes.entry((what, which)).or_default();
            let add = [
                1.0,
                f64::from(u8::from(!boxes.is_empty())),
                boxes.len() as f64,
                pixels as f64,
                megapixels(picture),
            ];
            entry.iter_mut().zip(add).for_each(|(sum, value)| *sum += value);
        }
    }

    fn print(&self, pictures: u64, faces: &[Box<dyn Face>]) {
        let names: Vec<&str> = faces.iter().map(|face| face.name()).collect();
        println!("{pictures} pictures with text and {pictures} without; typefaces: {}.\n", names.join(", "));
        println!("| lines | | found | of | recall |\n|---|---|---:|---:|---:|");
        for ((what, which), (found, of)) in &self.lines {
            println!("| {what} | {which} | {found} | {of} | {:.1} % |", 100.0 * *found as f64 / *of as f64);
        }
        println!("\n| pictures without text | | pictures | with a box | boxes | boxes/MP | pixels boxed |");
        println!("|---|---|---:|---:|---:|---:|---:|");
        for ((what, which), [count, with, boxes, pixels, mega]) in &self.false_boxes {
            let share = pixels / mega / 1e4;
            println!(
                "| {what} | {which} | {count} | {with} | {boxes} | {:.2} | {share:.3} % |",
                boxes / mega
            );
        }
        println!("\n| rounds of blanking until nothing is found | pictures |\n|---|---:|");
        for (rounds, count) in &self.rounds {
            let rounds =
                if *rounds > ROUNDS_MAX { format!("more than {ROUNDS_MAX}") } else { rounds.to_string() };
            println!("| {rounds} | {count} |");
        }
    }
}

fn print_rate(rate: &BTreeMap<Ground, (f64, f64)>) {
    println!("\n| pictures without text | megapixels per second of one core |\n|---|---:|");
    for (ground, (seconds, mega)) in rate {
        println!("| {} | {:.0} |", ground.name(), mega / seconds);
    }
    println!();
}

/// Writes a picture beside itself with boxes drawn in.
fn show(args: &Args, name: &str, picture: &Picture, boxes: &[Region]) -> Result<()> {
    let Some(folder) = &args.show else { return Ok(()) };
    let shift = picture.bits.saturating_sub(8);
    let mut bytes = format!("P5 {} {} 255\n", picture.width * 2, picture.height).into_bytes();
    for y in 0..picture.height {
        let row = &picture.samples[y * picture.width..][..picture.width];
        let grey: Vec<u8> = row.iter().map(|value| u8::try_from(value >> shift).unwrap_or(255)).collect();
        bytes.extend(&grey);
        bytes.extend(grey.iter().enumerate().map(|(x, value)| {
            let at = (u32::try_from(x).unwrap_or(0), u32::try_from(y).unwrap_or(0));
            let edge = |region: &&Region| {
                holds(region, at)
                    && (at.0 == region.left
                        || at.1 == region.top
                        || at.0 + 1 == region.left + region.width
                        || at.1 + 1 == region.top + region.height)
            };
            if boxes.iter().any(|region| edge(&region)) { 255 - value / 128 * 255 } else { *value }
        }));
    }
    let path = folder.join(format!("{name}.pgm"));
    std::fs::write(&path, bytes).with_context(|| path.display().to_string())
}
