//! Foreign archives that hold studies compressed and in frames: dcmqrscp and Orthanc give them by C-GET and by C-MOVE, and they
//! reach the warehouse frame for frame as the archive was given them. What an archive cannot give stays owed, in sight.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use journeys::archive::{Archive, By, Setting, dcmqrscp, dcmqrscp_images, orthanc, orthanc_program};
use journeys::forms::{FORMS, Form, Made, arrived, form, make, python, succeeds};
use journeys::{Houses, Setup, free_port, has};
use platform::testing::TempDir;
use sim::encode::Syntax;
use sim::images::Kind;
use sim::region::{Fate, Region, Size};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tributary::demo::collect;

/// After this long it is looked at as it stands.
const COLLECT_MAX: Duration = Duration::from_secs(50);

/// A trust with one archive, which is to hold nothing but forms of one image of each kind.
struct Trust {
    region: Region,
    dir: TempDir,
    python: String,
}

/// The trust's archive and the hub.
struct Stage {
    archive: Archive,
    houses: Houses,
    port: u16,
}

impl Trust {
    fn new() -> Option<Self> {
        let (python, dir) = (python()?, TempDir::new());
        has("dcmqrscp").then(|| Self { region: journeys::only("alder", Size::TEST), dir, python })
    }

    /// Makes these forms of the trust's first image of a kind.
    async fn make(&self, kind: Kind, forms: &[Form]) -> Vec<Made> {
        let is_plain = |fate: &Fate, of: Kind| *fate == Fate::Acknowledged && of == kind;
        let mut plain = self.region.expected().filter(|(_, i, fate)| is_plain(fate, i.series.kind));
        let (_, image, _) = plain.next().unwrap();
        let file = self.dir.path().join(format!("{kind:?}.dcm"));
        fs::write(&file, image.file(Syntax::ExplicitLittle)).unwrap();
        make(&self.python, &file, &self.dir.path().join(format!("{kind:?}")), forms).await
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("archive")
    }

    /// Starts archive and hub; the hub asks for nothing yet.
    async fn open(&mut self, start: fn(&Setting<'_>) -> Archive, options: &[&str], by: By) -> Stage {
        let (folder, port) = (self.folder(), free_port());
        fs::create_dir_all(&folder).unwrap();
        self.region.sources[0].manners.get = by.asks_get();
        let setup = Setup::write(self.dir.path(), &self.region, &[port]);
        let hub_port = by.known(setup.hub_port());
        let ae_title = &self.region.sources[0].manners.ae_title;
        let mut archive = start(&Setting { folder: &folder, ae_title, port, hub_port, options });
        archive.listens(port).await;
        Stage { archive, houses: setup.open(&self.region).await, port }
    }

    /// Gives the archive these images, lets the hub collect and send, and holds the warehouse against them.
    async fn journey(&self, stage: Stage, given: &[Made]) {
        let Stage { archive, houses, port } = stage;
        for made in given {
            made.send(&self.python, &self.region.sources[0].manners.ae_title, port).await;
        }
        let Houses { hub, service, .. } = &houses;
        let done =
            tokio::time::timeout(COLLECT_MAX, collect(hub, service, hub.clock.as_ref(), &|_| {})).await;
        houses.night().await;
        let names: Vec<_> = given.iter().map(|made| made.form.name).collect();
        assert_eq!(arrived(&houses.warehouse(), given), names, "{}", archive.told());
        done.expect("all is as given, and something is still due").unwrap();
        assert_eq!(hub.store.instances_in("nccid", "acknowledged").await.unwrap().len(), given.len());
        assert_eq!(hub.store.studies_in("nccid", "short").await.unwrap(), []);
    }
}

/// Names of DCMTK for a storage class and the one syntax in which dcmqrscp takes, holds and gives it.
const HELD_AS: [(&str, &str); 5] = [
    ("ComputedRadiographyImageStorage", "JPEGBaseline"),
    ("DigitalXRayImageStorageForPresentation", "JPEG2000LosslessOnly"),
    ("CTImageStorage", "JPEGLossless:Non-hierarchical-1stOrderPrediction"),
    ("MRImageStorage", "RLELossless"),
    ("EnhancedCTImageStorage", "JPEG2000LosslessOnly"),
];

/// Profiles for dcmqrscp: queries, and each storage class in its one syntax.
///
/// Version 3.6.7 sends an instance in the first accepted context of its class, whatever syntax it holds it in, and cannot
/// compress or decompress. So it gives what it holds compressed where it holds a class in one syntax and accepts no other.
fn write_profiles(folder: &Path) {
    let mut text = String::from("[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianExplicit\n");
    let (mut contexts, mut roles) = (String::new(), String::new());
    let queries = ["FIND", "MOVE", "GET"].map(|verb| format!("{verb}StudyRootQueryRetrieveInformationModel"));
    for (n, class) in queries.iter().enumerate() {
        writeln!(contexts, "PresentationContext{} = {class}\\Plain", n + 1).unwrap();
    }
    for (n, (class, syntax)) in HELD_AS.into_iter().enumerate() {
        write!(text, "[Held{n}]\nTransferSyntax1 = {syntax}\n").unwrap();
        writeln!(contexts, "PresentationContext{} = {class}\\Held{n}", queries.len() + n + 1).unwrap();
        writeln!(roles, "Role{} = {class}\\BOTH", n + 1).unwrap();
    }
    write!(text, "[[PresentationContexts]]\n[All]\n{contexts}[[SCPSCURoleSelection]]\n[Roles]\n{roles}")
        .unwrap();
    text += "[[Profiles]]\n[In]\nPresentationContexts = All\nSCPSCURoleSelection = Roles\n\
             [Out]\nPresentationContexts = All\n";
    fs::write(folder.join("profiles.cfg"), text).unwrap();
}

/// dcmqrscp with a syntax for each class.
async fn dcmqrscp_gives(by: By) {
    let Some(mut trust) = Trust::new() else { return };
    let mut given = Vec::new();
    for (kind, forms) in [
        (Kind::Cr, &["baseline"][..]),
        (Kind::Dx, &["j2k-lossless"]),
        (Kind::Ct, &["lossless", "frames-j2k-lossless"]),
        (Kind::Mr, &["rle"]),
    ] {
        let forms: Vec<Form> = forms.iter().map(|name| form(name)).collect();
        given.extend(trust.make(kind, &forms).await);
    }
    fs::create_dir_all(trust.folder()).unwrap();
    write_profiles(&trust.folder());
    let stage = trust.open(dcmqrscp, &["-xf", "profiles.cfg", "In", "Out"], by).await;
    trust.journey(stage, &given).await;
}

/// Orthanc with one study in every form.
async fn orthanc_gives(by: By) {
    let Some(mut trust) = Trust::new() else { return };
    if !has(&orthanc_program()) {
        return;
    }
    let given = trust.make(Kind::Ct, &FORMS).await;
    let stage = trust.open(orthanc, &[], by).await;
    trust.journey(stage, &given).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmqrscp_gives_each_class_compressed_by_c_get() {
    dcmqrscp_gives(By::Get).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dcmqrscp_gives_each_class_compressed_by_c_move() {
    dcmqrscp_gives(By::Move).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_gives_a_study_in_every_syntax_by_c_get() {
    orthanc_gives(By::Get).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_gives_a_study_in_every_syntax_by_c_move() {
    orthanc_gives(By::Move).await;
}

/// dcmqrscp with one class in many syntaxes, accepting one of the compressed ones beside those that are not: what comes of it
/// by the ways open to the hub.
async fn dcmqrscp_gives_only(came: &[&str], by: By) {
    let Some(mut trust) = Trust::new() else { return };
    let names = ["implicit", "deflated", "frames-native", "lossless", "j2k-lossless", "rle", "frames-rle"];
    let made = trust.make(Kind::Ct, &names.map(form)).await;
    // It would not take them all over the network.
    let images = dcmqrscp_images(&trust.folder());
    fs::create_dir_all(&images).unwrap();
    for made in &made {
        let file = images.join(made.file.file_name().unwrap());
        fs::copy(&made.file, &file).unwrap();
        succeeds("dcmqridx", &[images.to_str().unwrap(), file.to_str().unwrap()]).await;
    }
    let Stage { archive, houses, .. } = trust.open(dcmqrscp, &["+xs", "-xs"], by).await;
    let Houses { hub, service, .. } = &houses;
    let due = tokio::time::timeout(COLLECT_MAX, service.run_until_idle()).await.unwrap().unwrap();
    houses.night().await;
    assert_eq!(arrived(&houses.warehouse(), &made), came, "{}", archive.told());
    // The rest is known by name, its study is not done, and it is asked for again.
    let in_state = async |state| hub.store.instances_in("nccid", state).await.unwrap().len();
    assert_eq!(in_state("acknowledged").await, came.len());
    assert_eq!(in_state("missing").await, made.len() - came.len());
    let short = hub.store.studies_in("nccid", "short").await.unwrap();
    assert_eq!(short.len(), 1);
    assert_eq!(short[0].reason.as_deref(), Some("study-short"));
    assert!(due.is_some());
    let status = hub::status::of_project(hub, &hub.projects[0]).await.unwrap();
    assert!(status.trusts.iter().all(|trust| trust.reconciles()));
}

/// DCMTK 3.6.7: the first accepted context is Explicit VR Little Endian, and nothing is decompressed for it.
#[tokio::test(flavor = "multi_thread")]
async fn dcmqrscp_cannot_give_many_syntaxes_of_a_class_by_c_get_and_the_rest_stays_owed() {
    dcmqrscp_gives_only(&["implicit", "deflated", "frames-native"], By::Get).await;
}

/// For C-MOVE it proposes the one compressed syntax that it was told to.
#[tokio::test(flavor = "multi_thread")]
async fn what_dcmqrscp_leaves_out_by_c_get_comes_by_c_move_as_far_as_it_can() {
    dcmqrscp_gives_only(&["implicit", "deflated", "frames-native", "lossless"], By::Both).await;
}
