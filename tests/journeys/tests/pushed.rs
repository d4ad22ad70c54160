//! Foreign programs push to the hub: DCMTK's storescu and echoscu, pynetdicom. What is answered 0x0000 is in the spool.
#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use dicom::tag::tags;
use journeys::{Particular, Rig, a_ct_file, has, run};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::path::Path;
use submission::digest::Digest;

#[tokio::test(flavor = "multi_thread")]
async fn storescu_pushes_every_transfer_syntax_and_each_is_kept_as_sent() {
    if !["storescu", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls"].iter().all(|program| has(program)) {
        return;
    }
    let rig = Rig::new().await;
    let plain = a_ct_file(rig.dir(), 1);
    let (plain, port) = (plain.to_str().unwrap(), rig.port.to_string());
    let made = |name: &str| rig.dir().join(name).to_str().unwrap().to_owned();
    for (program, option, name, propose) in WRITTEN {
        let file = made(name);
        let converted = run(program, &[option, plain, file.as_str()]).await;
        assert!(
            converted.status.success(),
            "{program} {name}: {}",
            String::from_utf8_lossy(&converted.stderr)
        );
        let before = rig.received().await.len();
        let sent = run("storescu", &[propose, "-aec", "TRIBUTARY", "127.0.0.1", &port, &file]).await;
        assert!(sent.status.success(), "{name}: {}", String::from_utf8_lossy(&sent.stderr));
        assert_eq!(rig.received().await.len(), before + 1, "{name} was answered and is not in the spool");
    }
    let mut syntaxes: Vec<String> =
        rig.received().await.iter().map(|o| o.meta.transfer_syntax.clone()).collect();
    syntaxes.sort();
    let expected = [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.5",
    ];
    assert_eq!(syntaxes, expected);
    for object in rig.received().await {
        assert!(object.dataset.text(tags::PATIENT_NAME).is_some() && object.pixels.is_some());
    }
}

/// The syntaxes that DCMTK writes: the program, its option, a name, and storescu's option that proposes it.
const WRITTEN: [(&str, &str, &str, &str); 9] = [
    ("dcmconv", "+ti", "implicit", "-xi"),
    ("dcmconv", "+te", "explicit", "-xe"),
    ("dcmconv", "+td", "deflated", "-xd"),
    ("dcmconv", "+tb", "big-endian", "-xb"),
    ("dcmcrle", "+ua", "rle", "-xr"),
    ("dcmcjpeg", "+e1", "jpeg-lossless", "-xs"),
    ("dcmcjpeg", "+eb", "jpeg-baseline", "-xy"),
    ("dcmcjpeg", "+ee", "jpeg-extended", "-xx"),
    ("dcmcjpls", "+el", "jpeg-ls", "-xt"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "over 1 GB"]
async fn soak_storescu_pushes_over_a_gigabyte_in_every_syntax() {
    const EACH: usize = 150;
    if !["storescu", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls"].iter().all(|program| has(program)) {
        return;
    }
    let rig = Rig::new().await;
    let (plain, port) = (rig.dir().join("plain.dcm"), rig.port.to_string());
    let image = sim::images::ct_study(4, 1, 1024).remove(0);
    std::fs::write(&plain, image.file(sim::encode::Syntax::ExplicitLittle)).unwrap();
    let mut bytes = 0;
    for (at, (program, option, name, propose)) in WRITTEN.into_iter().enumerate() {
        let file = rig.dir().join(name);
        let (plain, file) = (plain.to_str().unwrap(), file.to_str().unwrap());
        let converted = run(program, &[option, plain, file]).await;
        assert!(converted.status.success(), "{name}: {}", String::from_utf8_lossy(&converted.stderr));
        let times = EACH.to_string();
        let words = [propose, "-R", "+II", "--repeat", &times, "-aec", "TRIBUTARY", "127.0.0.1", &port, file];
        let sent = run("storescu", &words).await;
        assert!(sent.status.success(), "{name}: {}", String::from_utf8_lossy(&sent.stderr));
        bytes += std::fs::metadata(file).unwrap().len() * EACH as u64;
        assert_eq!(rig.hub.store.live_spool().await.unwrap().len(), EACH * (at + 1), "{name}");
    }
    println!("{} MB", bytes / 1_000_000);
    assert!(bytes > 1_000_000_000, "{bytes} bytes");
    let mut instances = std::collections::BTreeSet::new();
    for mut object in rig.received().await {
        assert!(object.account_for_pixels().is_ok(), "{}", object.meta.transfer_syntax);
        instances.insert(object.meta.sop_instance.clone());
    }
    assert_eq!(instances.len(), EACH * WRITTEN.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_configured_is_told_why_and_nothing_is_kept() {
    if !has("storescu") {
        return;
    }
    let rig = Rig::new().await;
    let (file, port) = (a_ct_file(rig.dir(), 2), rig.port.to_string());
    for (calling, called, reason) in [
        ("STRANGER", "TRIBUTARY", "Calling AE Title Not Recognized"),
        ("STORESCU", "ELSEWHERE", "Called AE Title Not Recognized"),
    ] {
        let refused =
            run("storescu", &["-aet", calling, "-aec", called, "127.0.0.1", &port, file.to_str().unwrap()])
                .await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(reason), "{said}");
    }
    assert!(rig.received().await.is_empty());
}

const PYNETDICOM: &str = r#"
import sys
from pydicom import dcmread
from pynetdicom import AE
ds = dcmread(sys.argv[2])
ae = AE(ae_title="STORESCU")
ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
assoc = ae.associate("127.0.0.1", int(sys.argv[1]), ae_title="TRIBUTARY")
assert assoc.is_established
for _ in range(3):
    status = assoc.send_c_store(ds)
    assert status.Status == 0x0000, status
assoc.release()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pynetdicom_pushes_and_a_second_copy_is_no_harm() {
    let Ok(python) = std::env::var("TRIBUTARY_TEST_PYTHON") else {
        eprintln!("skipped: TRIBUTARY_TEST_PYTHON is not set (./dev test sets it)");
        return;
    };
    let rig = Rig::new().await;
    let (file, port) = (a_ct_file(rig.dir(), 3), rig.port.to_string());
    let ran = run(&python, &["-c", PYNETDICOM, &port, file.to_str().unwrap()]).await;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(rig.received().await.len(), 3);
}

/// A certificate authority and three peers under it, and a stranger, as PEM files; the fingerprint of `peer`.
fn certificates(dir: &Path) -> String {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, strangers) = (authority("Region CA"), authority("Stranger CA"));
    std::fs::write(dir.join("ca.pem"), ours.pem()).unwrap();
    let mut pinned = String::new();
    for (name, issuer) in [("hub", &ours), ("peer", &ours), ("other", &ours), ("stranger", &strangers)] {
        let mut params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        if name == "peer" {
            pinned = Digest::of(certificate.der()).to_string();
        }
        std::fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    pinned
}

#[tokio::test(flavor = "multi_thread")]
async fn echoscu_over_mutual_tls_and_a_strangers_certificate_is_refused() {
    if !has("echoscu") {
        return;
    }
    let rig = Rig::build(|dir| {
        let pinned = certificates(dir);
        Particular {
            listen: "[listen.tls]\ncertificate = \"hub.pem\"\nkey = \"hub.key\"\nclient_ca = \"ca.pem\"".into(),
            source: format!(
                "tls = {{ ca = \"ca.pem\" }}\nstore_from = [{{ ae_title = \"STORESCU\", host = \"127.0.0.1\" }}, \
                 {{ ae_title = \"PINNED\", certificate_sha256 = \"{pinned}\" }}]"
            ),
        }
    })
    .await;
    let (port, at) = (rig.port.to_string(), |name: &str| rig.dir().join(name).to_str().unwrap().to_owned());
    // Who belongs to the region gets in; under a title that is pinned to a certificate, its owner alone.
    for (who, calling, good) in [
        ("peer", "STORESCU", true),
        ("other", "STORESCU", true),
        ("stranger", "STORESCU", false),
        ("peer", "PINNED", true),
        ("other", "PINNED", false),
    ] {
        let (key, certificate, ca) = (at(&format!("{who}.key")), at(&format!("{who}.pem")), at("ca.pem"));
        let titles = ["-aet", calling, "-aec", "TRIBUTARY"];
        let tls = ["+tls", &key, &certificate, "+cf", &ca];
        let echo = run("echoscu", &[&titles[..], &tls, &["127.0.0.1", &port]].concat()).await;
        let said = String::from_utf8_lossy(&echo.stderr);
        assert_eq!(echo.status.success(), good, "{who} as {calling}: {said}");
    }
    let plain =
        run("echoscu", &["-aet", "STORESCU", "-aec", "TRIBUTARY", "-ta", "3", "127.0.0.1", &port]).await;
    assert!(!plain.status.success(), "a peer without TLS got in");
}
