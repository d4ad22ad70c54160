//! Teaching the detector's reader of letters: typefaces drawn on pictures, seen through the detector's own eyes, and a net of
//! two layers fitted to them. The same command gives the same weights.

mod letters;
mod net;

use crate::detector::TrueType;
use anyhow::{Context, Result, ensure};
use letters::{Example, draw};
use net::Net;
use sim::lettering::{Face, Set, built_in};
use sim::random::Random;
use std::path::{Path, PathBuf};

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Args {
    /// Pictures to learn from; a quarter as many, with other typefaces, to tell how well
    #[arg(long, default_value_t = 2500)]
    pictures: u64,
    /// How often each example is looked at
    #[arg(long, default_value_t = 12)]
    rounds: u32,
    /// Where the system's fonts lie
    #[arg(long, value_name = "DIR", default_value = "/usr/share/fonts")]
    fonts: PathBuf,
    /// Where the weights go
    #[arg(long, value_name = "FILE", default_value = "crates/deid/src/pixels/detect/letters.bin")]
    out: PathBuf,
}

/// Families to learn from (Debian's fonts-dejavu, -lato, -open-sans, -roboto-unhinted, -inconsolata, -firacode, -cantarell,
/// -noto-mono, -crosextra-carlito, -linuxlibertine, -jetbrains-mono, -quicksand, -comfortaa, -oldstandard).
const LEARNT: &[&str] = &[
    "truetype/dejavu",
    "truetype/lato",
    "truetype/open-sans",
    "truetype/roboto/unhinted/RobotoTTF",
    "truetype/inconsolata",
    "truetype/firacode",
    "opentype/cantarell",
    "truetype/noto",
    "truetype/crosextra",
    "opentype/linux-libertine",
    "truetype/jetbrains-mono",
    "truetype/quicksand",
    "truetype/comfortaa",
    "truetype/fonts-oldstandard",
];
/// Families to be examined in (fonts-liberation2, fonts-freefont-ttf, fonts-hack).
const HELD_OUT: &[&str] = &["truetype/liberation2", "truetype/freefont", "truetype/hack"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let examples = examples(Set::Development, LEARNT, args.pictures, &args.fonts)?;
    let held = self::examples(Set::Reporting, HELD_OUT, args.pictures / 4, &args.fonts)?;
    println!("{} examples to learn from, {} held out", examples.len(), held.len());
    ensure!(
        !examples.is_empty() && !held.is_empty(),
        "no examples: are the fonts in {}?",
        args.fonts.display()
    );
    let mut random = Random::labelled(1, "reader");
    let mut net = Net::new(&mut random);
    for round in 0..args.rounds {
        // A slope that gets gentler, as a cosine.
        let along = std::f32::consts::PI * round as f32 / args.rounds as f32;
        let loss = net.learn(&examples, 0.02 * (1.0 + along.cos()) / 2.0 + 0.0004, &mut random);
        println!("round {round}: loss {loss:.4}, held out {}", score(&net, &held));
    }
    let net = net.rounded();
    println!("rounded to 8 bits: held out {}", score(&net, &held));
    std::fs::write(&args.out, net.bytes()).with_context(|| args.out.display().to_string())
}

fn examples(set: Set, families: &[&str], pictures: u64, fonts: &Path) -> Result<Vec<Example>> {
    let faces = faces(set, families, fonts)?;
    println!("{set:?}: {} typefaces", faces.len());
    Ok((0..pictures).flat_map(|nth| draw(set, nth, &faces)).collect())
}

fn faces(set: Set, families: &[&str], fonts: &Path) -> Result<Vec<Box<dyn Face>>> {
    let mut faces = built_in(set);
    for family in families {
        let folder = fonts.join(family);
        let Ok(files) = std::fs::read_dir(&folder) else {
            println!("without {}", folder.display());
            continue;
        };
        let mut files: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "ttf" || e == "otf")) {
            faces.push(Box::new(TrueType::open(file)?));
        }
    }
    Ok(faces)
}

/// Of letters, how many are read right and how many taken for none; of what is none, how much is taken for a letter.
fn score(net: &Net, held: &[Example]) -> String {
    let (mut right, mut lost, mut letters, mut taken, mut nones) = (0, 0, 0, 0, 0);
    for example in held {
        let guess = net.guess(&example.patch);
        match (example.class == net::NONE, guess == net::NONE) {
            (true, is_none) => {
                nones += 1;
                taken += usize::from(!is_none);
            }
            (false, is_none) => {
                letters += 1;
                lost += usize::from(is_none);
                right += usize::from(guess == example.class);
            }
        }
    }
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    format!(
        "{:.2} % of {letters} letters read, {:.2} % taken for none; {:.2} % of {nones} others taken for letters",
        percent(right, letters),
        percent(lost, letters),
        percent(taken, nones)
    )
}
