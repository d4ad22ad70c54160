//! `tributary profile words`: what descriptions lose only because no list has the word, for a reviewer to approve. Nothing is written.

use super::Of;
use crate::deid::{DICOMDIR, Walk, progress};
use crate::ui::Table;
use ::deid::changes::keyword;
use ::deid::custody::Custody;
use ::deid::instance::Instance;
use ::deid::person::Claims;
use ::deid::profile::Profile;
use ::deid::pseudonym::{ProjectKey, Pseudonymiser};
use ::deid::words::UnknownWord;
use anyhow::{Result, ensure};
use dicom::part10::Limits;
use serde_json::json;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::hash::BuildHasher;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Words that are remembered at most: memory does not grow with the folder. What comes first is what is written often.
const WORDS_MAX: usize = 100_000;
/// So many people of a word are told apart.
const PEOPLE_MAX: usize = 1_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder of DICOM files with its sub-folders, as they come from the archives, or a file
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    of: Of,
    /// Leave words out that stand in the objects of fewer people: what describes is written of many, a name of few
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    people_min: u64,
    /// Print a section for the project file, to be struck through and signed
    #[arg(long, conflicts_with = "json")]
    toml: bool,
    /// Print one JSON object a word
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, custody: &Custody) -> Result<ExitCode> {
    let mut found = Found::new(args.of.profile()?)?;
    let files = Walk::of(&args.folder)?.1.count() as u64;
    ensure!(files > 0, "{}: there is no file", args.folder.display());
    let bar = progress("words", files);
    let (root, walk) = Walk::of(&args.folder)?;
    for file in walk {
        found.look_at(&root.join(file?.0), custody);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let words = found.of_people(args.people_min);
    if found.is_full {
        eprintln!(
            "More than {WORDS_MAX} words: those that came after are not listed. Look at smaller folders."
        );
    }
    if args.toml {
        print!("{}", section(&words));
    } else if args.json {
        for (word, seen) in words {
            let (people, objects, attributes) = (seen.people.len(), seen.objects, &seen.attributes);
            println!(
                "{}",
                json!({ "word": word, "people": people, "objects": objects, "attributes": attributes })
            );
        }
    } else {
        found.print(&words, args.people_min);
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a word stands.
#[derive(Default)]
struct Seen {
    /// Whose objects, each person a number that means nothing elsewhere.
    people: HashSet<u64>,
    objects: u64,
    attributes: BTreeSet<&'static str>,
}

impl Seen {
    fn attributes(&self) -> String {
        self.attributes.iter().copied().collect::<Vec<_>>().join(", ")
    }
}

/// What a folder's descriptions lose.
struct Found {
    profile: Profile,
    /// Under a key that nobody will ever have again: it only tells people apart.
    pseudonymiser: Pseudonymiser,
    numbers: RandomState,
    words: BTreeMap<String, Seen>,
    objects: u64,
    /// Files that are no DICOM objects, or of nobody: their words are nobody's.
    left_out: u64,
    /// Words beyond [`WORDS_MAX`] were met, and are not counted.
    is_full: bool,
}

impl Found {
    fn new(profile: Profile) -> Result<Self> {
        let pseudonymiser = Pseudonymiser::new(&ProjectKey::new(platform::keys::random()?), "Subject")?;
        let (words, numbers) = (BTreeMap::new(), RandomState::new());
        Ok(Self { profile, pseudonymiser, numbers, words, objects: 0, left_out: 0, is_full: false })
    }

    fn look_at(&mut self, path: &Path, custody: &Custody) {
        let Some((person, unknown)) = self.read(path) else {
            self.left_out += 1;
            return;
        };
        self.objects += 1;
        let mut counted = BTreeSet::new();
        for (word, tag) in unknown {
            let word = word.expose(custody);
            if self.words.len() >= WORDS_MAX && !self.words.contains_key(word) {
                self.is_full = true;
                continue;
            }
            let seen = self.words.entry(word.clone()).or_default();
            seen.objects += u64::from(counted.insert(word.clone()));
            seen.attributes.insert(keyword(tag));
            if seen.people.len() < PEOPLE_MAX {
                seen.people.insert(person);
            }
        }
    }

    /// The number of a person, and the words of an object of theirs.
    fn read(&self, path: &Path) -> Option<(u64, Vec<UnknownWord>)> {
        let file = BufReader::new(File::open(path).ok()?);
        let opened = Instance::open(Box::new(file), &Limits::default()).ok()?;
        let claims = Claims::of(opened.facts(), &self.pseudonymiser).ok()?;
        let person = claims.by_number.or_else(|| claims.by_local_id.into_iter().next())?;
        let is_object = opened.facts().sop_class != DICOMDIR;
        is_object.then(|| (self.numbers.hash_one(person.as_str()), opened.unknown_words(&self.profile)))
    }

    /// The words in the objects of so many people or more, those of most people first.
    fn of_people(&self, people_min: u64) -> Vec<(&String, &Seen)> {
        let mut words: Vec<(&String, &Seen)> =
            self.words.iter().filter(|(_, seen)| seen.people.len() as u64 >= people_min).collect();
        words.sort_by_key(|(_, seen)| std::cmp::Reverse((seen.people.len(), seen.objects)));
        words
    }

    fn print(&self, words: &[(&String, &Seen)], people_min: u64) {
        let mut table = Table::new(&["people", "objects", "word", "where"]);
        for (word, seen) in words {
            let (people, objects) = (seen.people.len().to_string(), seen.objects.to_string());
            table.row([people, objects, (*word).clone(), seen.attributes()]);
        }
        if table.len() > 0 {
            println!("{table}");
        }
        println!(
            "{} objects; {} words that no list has, {} of them in the objects of {people_min} people or more",
            self.objects,
            self.words.len(),
            words.len()
        );
        if self.left_out > 0 {
            println!("{} files left out: no DICOM objects, or of nobody that could be told", self.left_out);
        }
        if !words.is_empty() {
            println!(
                "What may be somebody's name stays out. The rest, with --toml, is a section for the project file."
            );
        }
    }
}

/// A section for the project file, which is refused until somebody gives a reason.
fn section(words: &[(&String, &Seen)]) -> String {
    let line = |(word, seen): &(&String, &Seen)| {
        let word = toml::Value::String((*word).clone());
        format!("    {word}, # {} people, {}\n", seen.people.len(), seen.attributes())
    };
    format!(
        "# Strike out what may be somebody's name, a place of somebody or a number; then say who approved the rest.\n\
         [[deidentification.allow]]\nwords = [\n{}]\nreason = \"\"\n",
        words.iter().map(line).collect::<String>()
    )
}
