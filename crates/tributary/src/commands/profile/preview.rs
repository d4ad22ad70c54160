//! `tributary profile preview`: two profiles side by side over a sample of a folder, and where they part. Nothing is written.

use super::{DIFFERENT, named};
use crate::deid::{DICOMDIR, Walk, progress, what_to_do};
use crate::ui::Table;
use ::deid::changes::{Change, Outline, TagPath, keyword, path_text};
use ::deid::instance::{Instance, PixelVerdict, Rejection};
use ::deid::person::Claims;
use ::deid::pixels::{Extent, Inspection, PixelPolicy, Review};
use ::deid::profile::{AGE_FEW_PEOPLE, Profile, iod};
use ::deid::pseudonym::{ProjectKey, Pseudonymiser, Subject};
use ::deid::state::{Deidentified, Identifiable};
use ::deid::verify::Verifier;
use anyhow::{Result, anyhow, ensure};
use dicom::part10::Limits;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// What goes out lies in memory until it is compared: longer objects are left out.
const OBJECT_BYTES_MAX: u64 = 512 << 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is in force: a project of the program (research, nccid, mammography), or a project file
    #[arg(value_name = "OLD")]
    old: String,
    /// What is meant to be: the changed project file
    #[arg(value_name = "NEW")]
    new: String,
    /// A folder of DICOM files with its sub-folders, or a file
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// How many files are taken, spread evenly over the folder; each goes through both profiles
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let bench = Bench::new(&args.old, &args.new)?;
    let [old, new] = bench.sides.each_ref().map(|side| side.profile.age_people_min());
    let mut preview = Preview {
        old: args.old.clone(),
        new: args.new.clone(),
        is_people_counted: old != new,
        ..Preview::default()
    };
    for file in Walk::of(&args.folder)?.1 {
        file?;
        preview.found += 1;
    }
    ensure!(preview.found > 0, "{}: there is no file", args.folder.display());
    let taken = args.sample.min(preview.found);
    let bar = progress("preview", taken);
    let (root, walk) = Walk::of(&args.folder)?;
    for (at, file) in (0_u64..).zip(walk) {
        // One of each stretch of equal length.
        let stretch = |at: u64| u128::from(at) * u128::from(taken) / u128::from(preview.found);
        if stretch(at) != stretch(at + 1) {
            let path = root.join(file?.0);
            preview.add(bench.both(&path)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if args.json {
        println!("{}", preview.json());
    } else {
        preview.print();
    }
    Ok(if preview.is_alike() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

/// Why an object is held.
type Codes = BTreeSet<&'static str>;
/// What became of a file under one profile: the object as it would go out, or why it is held.
type Fate = Result<Done, Codes>;

/// An object that would go out.
struct Done {
    changes: BTreeSet<(TagPath, Change)>,
    clean: Instance<Deidentified>,
}

/// What became of a file under both.
enum Both {
    TooLarge,
    Done { kind: String, old: Box<Fate>, new: Box<Fate> },
}

/// One of the two profiles.
struct Side {
    profile: Arc<Profile>,
    pixels: PixelPolicy,
}

impl Side {
    fn new(name: &str) -> Result<Self> {
        let (settings, _) = named(name)?;
        let pixels = PixelPolicy::new(settings.for_processing).with(&settings.pixels);
        Ok(Self { profile: Arc::new(Profile::new(&settings)?), pixels })
    }
}

/// What both share: a key that nobody will ever have again.
struct Bench {
    sides: [Side; 2],
    pseudonymiser: Pseudonymiser,
    verifier: Verifier,
    limits: Limits,
}

impl Bench {
    fn new(old: &str, new: &str) -> Result<Self> {
        let key = ProjectKey::new(platform::keys::random()?);
        Ok(Self {
            sides: [Side::new(old)?, Side::new(new)?],
            pseudonymiser: Pseudonymiser::new(&key, "Subject")?,
            verifier: Verifier::default(),
            limits: Limits::default(),
        })
    }

    /// One file under both profiles, at the same time.
    fn both(&self, path: &Path) -> Result<Both> {
        let opened = match self.open(path) {
            Ok(opened) => opened,
            Err(codes) => {
                let [old, new] = [(); 2].map(|()| Box::new(Err(codes.clone())));
                return Ok(Both::Done { kind: "not read".to_owned(), old, new });
            }
        };
        if opened.native_pixel_bytes().max(std::fs::metadata(path)?.len()) > OBJECT_BYTES_MAX {
            return Ok(Both::TooLarge);
        }
        let kind = kind_of(&opened);
        let [old, new] = &self.sides;
        let (old, new) = std::thread::scope(|scope| {
            let old = scope.spawn(|| self.one(path, old));
            let new = self.one(path, new);
            (old.join(), new)
        });
        let old = old.map_err(|_| anyhow!("the engine failed on a file of the sample"))?;
        Ok(Both::Done { kind, old: Box::new(old), new: Box::new(new) })
    }

    fn open(&self, path: &Path) -> Result<Instance<Identifiable>, Codes> {
        let file = File::open(path).map_err(|_| Codes::from(["unreadable-file"]))?;
        let opened = Instance::open(Box::new(BufReader::new(file)), &self.limits).map_err(why)?;
        if opened.facts().sop_class == DICOMDIR { Err(Codes::from(["dicomdir"])) } else { Ok(opened) }
    }

    fn one(&self, path: &Path, side: &Side) -> Fate {
        let opened = self.open(path)?;
        let outline = opened.outline();
        let claims =
            Claims::of(opened.facts(), &self.pseudonymiser).map_err(|who| Codes::from([who.code()]))?;
        let claimed = claims.by_number.or_else(|| claims.by_local_id.into_iter().next());
        let pseudonym = claimed.ok_or_else(|| Codes::from(["identity-unknown"]))?;
        let offset_days = self.pseudonymiser.offset_days(&pseudonym);
        let subject = Subject { offset_days, pseudonym };
        let cleaned = opened.clean_tags(&side.profile, &subject, &self.pseudonymiser, &[]).map_err(why)?;
        let judged = match cleaned.clean_pixels(&side.pixels, Review::Pending) {
            PixelVerdict::Clear(judged) => judged,
            PixelVerdict::Review { reasons, .. } | PixelVerdict::Reject(reasons) => {
                return Err(reasons.iter().map(|reason| reason.code()).collect());
            }
        };
        // Nobody asks for what was written: it is dropped.
        let mut out = Cursor::new(Vec::new());
        let written = judged.verify_and_write_here(&mut out, &self.verifier);
        let (clean, _) = written.map_err(|residue| Codes::from([residue.code()]))?;
        Ok(Done { changes: outline.changes(clean.header()), clean })
    }
}

fn why(rejection: Rejection) -> Codes {
    Codes::from([rejection.code()])
}

/// The kind of an object, as `CT ct-image`.
fn kind_of(opened: &Instance<Identifiable>) -> String {
    let facts = opened.facts();
    let iod = iod(&facts.sop_class).unwrap_or("of no standard class");
    facts.modality.map_or_else(|| iod.to_owned(), |modality| format!("{modality} {iod}"))
}

/// How many objects, and of which kinds.
#[derive(Default)]
struct Count {
    objects: u64,
    kinds: BTreeMap<String, u64>,
}

impl Count {
    fn add(&mut self, kind: &str) {
        self.objects += 1;
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
    }

    fn kinds(&self) -> String {
        let mut kinds: Vec<(&String, &u64)> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, objects)| std::cmp::Reverse(**objects));
        kinds.iter().map(|(kind, objects)| format!("{kind} {objects}")).collect::<Vec<_>>().join(", ")
    }
}

/// Objects that are held, and how many of them for each reason.
#[derive(Default)]
struct Held {
    all: Count,
    reasons: BTreeMap<&'static str, u64>,
}

impl Held {
    fn add(&mut self, kind: &str, codes: &Codes) {
        self.all.add(kind);
        for code in codes {
            *self.reasons.entry(code).or_default() += 1;
        }
    }

    fn print(&self, what: &str) {
        if self.all.objects == 0 {
            return;
        }
        println!("{:>8}  {what}: {}", self.all.objects, self.all.kinds());
        for (code, objects) in &self.reasons {
            println!("{objects:>12}  {code}: {}", what_to_do(code));
        }
    }

    fn json(&self) -> Value {
        json!({ "objects": self.all.objects, "kinds": self.all.kinds, "reasons": self.reasons })
    }
}

/// What a tag becomes under both.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Parting {
    tag: String,
    name: String,
    old: String,
    new: String,
}

/// Where the two part.
#[derive(Default)]
struct Preview {
    old: String,
    new: String,
    /// They part in how many people must have an age, which no sample can tell.
    is_people_counted: bool,
    /// Files in the folder.
    found: u64,
    taken: u64,
    too_large: u64,
    /// Written by both with the same content, or held by both for the same reasons.
    alike: u64,
    /// Written by both.
    otherwise: u64,
    actions: BTreeMap<Parting, Count>,
    /// Written by the old, held by the new.
    newly_held: Held,
    /// Held by the old, written by the new.
    no_longer_held: Held,
    /// Held by both for other reasons, with what the old one alone says, then with what the new one alone says.
    held_otherwise: [Held; 2],
}

impl Preview {
    fn add(&mut self, both: Both) {
        self.taken += 1;
        let Both::Done { kind, old, new } = both else {
            self.too_large += 1;
            return;
        };
        match (*old, *new) {
            (Ok(old), Ok(new)) => {
                let partings = partings(&old, &new);
                if partings.is_empty() {
                    self.alike += 1;
                } else {
                    self.otherwise += 1;
                }
                for parting in partings {
                    self.actions.entry(parting).or_default().add(&kind);
                }
            }
            (Ok(_), Err(codes)) => self.newly_held.add(&kind, &codes),
            (Err(codes), Ok(_)) => self.no_longer_held.add(&kind, &codes),
            (Err(old), Err(new)) if old == new => self.alike += 1,
            (Err(old), Err(new)) => {
                let [only_old, only_new] = &mut self.held_otherwise;
                only_old.add(&kind, &(&old - &new));
                only_new.add(&kind, &(&new - &old));
            }
        }
    }

    fn is_alike(&self) -> bool {
        self.alike + self.too_large == self.taken && !self.is_people_counted
    }

    fn print(&self) {
        println!(
            "{} of the {} files, spread evenly: {} beside {}\n",
            self.taken, self.found, self.old, self.new
        );
        if !self.actions.is_empty() {
            let mut table =
                Table::new(&["objects", "tag", "attribute", &self.old, &self.new, "kinds of objects"]);
            for (parting, count) in &self.actions {
                let Parting { tag, name, old, new } = parting;
                let objects = count.objects.to_string();
                table.row([&objects, tag, name, old, new, &count.kinds()]);
            }
            println!("{table}");
        }
        let (old, new, [only_old, only_new]) = (&self.old, &self.new, &self.held_otherwise);
        self.newly_held.print(&format!("written under {old}, held under {new}"));
        self.no_longer_held.print(&format!("held under {old}, written under {new}"));
        only_old.print("held under both, no longer because of");
        only_new.print("held under both, now because of");
        if self.too_large > 0 {
            let bytes = OBJECT_BYTES_MAX >> 20;
            println!("{:>8}  left out: objects of more than {bytes} MiB", self.too_large);
        }
        if self.is_people_counted {
            println!(
                "          not told: who is held for an age that few people have (age_people_min): a sample cannot \
                 count them, `tributary deid --dry-run` does"
            );
        }
        println!("{}", self.sum());
    }

    fn json(&self) -> Value {
        let [only_old, only_new] = &self.held_otherwise;
        let action = |(parting, count): (&Parting, &Count)| {
            let Parting { tag, name, old, new } = parting;
            let Count { objects, kinds } = count;
            json!({ "tag": tag, "attribute": name, "old": old, "new": new, "objects": objects, "kinds": kinds })
        };
        json!({
            "old": self.old,
            "new": self.new,
            "files": self.found,
            "sample": self.taken,
            "too_large": self.too_large,
            "not_told": if self.is_people_counted { vec![AGE_FEW_PEOPLE] } else { Vec::new() },
            "alike": self.alike,
            "otherwise": self.otherwise,
            "actions": self.actions.iter().map(action).collect::<Vec<_>>(),
            "newly_held": self.newly_held.json(),
            "no_longer_held": self.no_longer_held.json(),
            "held_otherwise": { "only_old": only_old.json(), "only_new": only_new.json() },
        })
    }

    /// All of it in one line.
    fn sum(&self) -> String {
        format!(
            "{} alike, {} written otherwise, {} newly held, {} no longer held, {} held for another reason",
            self.alike,
            self.otherwise,
            self.newly_held.all.objects,
            self.no_longer_held.all.objects,
            self.held_otherwise[0].all.objects,
        )
    }
}

/// Where two outcomes of one object part: what goes out is compared, what was done is told.
fn partings(old: &Done, new: &Done) -> BTreeSet<Parting> {
    let between = Outline::of([old.clean.header()]).changes(new.clean.header());
    let parted: BTreeSet<&TagPath> =
        between.iter().filter(|(_, change)| *change != Change::Kept).map(|(path, _)| path).collect();
    // A sequence that parts only in its items is told there.
    let is_told_inside =
        |path: &TagPath| parted.iter().any(|inner| inner.len() > path.len() && inner.starts_with(path));
    let mut told: BTreeSet<Parting> = parted
        .iter()
        .filter(|path| !is_told_inside(path))
        .map(|path| {
            let (was, is) = (done(&old.changes, path), done(&new.changes, path));
            let is = if was == is { format!("{is}, to another value") } else { is };
            Parting { tag: path_text(path), name: name(path), old: was, new: is }
        })
        .collect();
    let (was, is) = (old.clean.inspection(), new.clean.inspection());
    if (was.extent, &was.regions) != (is.extent, &is.regions) {
        let (was, is) = (looked(was), looked(is));
        let is = if was == is { format!("{is}, elsewhere") } else { is };
        told.insert(Parting { tag: String::new(), name: "the pixels".to_owned(), old: was, new: is });
    }
    told
}

/// What was done at a path, in words.
fn done(changes: &BTreeSet<(TagPath, Change)>, path: &TagPath) -> String {
    let names: Vec<&str> = Change::ALL
        .into_iter()
        .filter(|change| changes.contains(&(path.clone(), *change)))
        .map(Change::name)
        .collect();
    if names.is_empty() { "not there".to_owned() } else { names.join(" or ") }
}

/// The names of the sequences on the way to an attribute, and its own; tags where they have none.
fn name(path: &TagPath) -> String {
    let name = |tag: &dicom::tag::Tag| match keyword(*tag) {
        "" => tag.to_string(),
        keyword => keyword.to_owned(),
    };
    path.iter().map(name).collect::<Vec<_>>().join(" > ")
}

/// How far the pixels were looked at, in words.
fn looked(inspection: &Inspection) -> String {
    let extent = match inspection.extent {
        Extent::Declared => "judged by the header alone",
        Extent::NoPixels => "none",
        Extent::Values => "values, no picture",
        Extent::LeftOut => "left out by the sample of the project",
        Extent::Read => "read for text",
        Extent::Person => "looked at by a person",
    };
    if inspection.regions.is_empty() { extent.to_owned() } else { format!("{extent}, something blanked") }
}
