//! Bad input over the network: each ends in a named code or an A-ABORT, nothing is lost, and the next peer is served.
//!
//! Bad files and configurations that people give to the program: `crates/tributary/tests/bad_input.rs`. Consignments with a
//! changed byte, a stranger's signature, replayed or missing from the sequence: `crates/national/src/tests/intake.rs`, through
//! the bucket. Wrong certificates and unknown AE titles: `pushed.rs`.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

use bytes::BytesMut;
use dicom::dimse::Status;
use dicom::pdu::{self, APPLICATION_CONTEXT, AeTitle, AssociateRq, Pdu, ProposedContext, UserInformation};
use dicom::uid::{sop_class, transfer_syntax as ts};
use journeys::Rig;
use sim::encode::Syntax;
use sim::pacs::{Outgoing, Sender};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An element's tag, VR with a long form, and length (PS3.5 §7.1.2).
fn long(tag: [u8; 4], vr: &[u8; 2], length: u32) -> Vec<u8> {
    [&tag[..], vr, &[0, 0], &length.to_le_bytes()].concat()
}

/// Data sets that no reader can take, with the code that each must get.
fn bad_payloads() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = sim::images::ct_study(7, 1, 32).remove(0).encode(Syntax::ExplicitLittle);
    let modality = b"\x08\x00\x60\x00CS\x02\x00CT".to_vec();
    let huge = [modality.clone(), long([0x42, 0, 0x11, 0], b"OB", 0xFFFF_FFF0), vec![0; 900]].concat();
    let item = b"\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF";
    let level = [long([0x40, 0, 0x75, 0x02], b"SQ", u32::MAX), item.to_vec()].concat();
    vec![
        ("no DICOM at all", b"%PDF-1.7 this is a discharge letter, scanned\n".repeat(20), "not-dicom"),
        ("cut off in its pixels", whole[..whole.len() - 100].to_vec(), "truncated"),
        ("a length of 4 GB in 1 kB", huge, "truncated"),
        ("an item longer than its sequence", [modality.clone(), bad_item()].concat(), "bad-length"),
        ("nested 10,000 deep", [modality, level.repeat(10_000)].concat(), "too-deep"),
    ]
}

/// A sequence of 8 bytes that begins an item of 64.
fn bad_item() -> Vec<u8> {
    let item = [&b"\xFE\xFF\x00\xE0"[..], &64u32.to_le_bytes()].concat();
    [long([0x40, 0, 0x75, 0x02], b"SQ", 8), item, vec![0; 64]].concat()
}

fn sender(address: SocketAddr) -> Sender {
    Sender { calling_ae: "STORESCU".into(), called_ae: "TRIBUTARY".into(), address }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_read_is_kept_and_quarantined_by_its_code() {
    let mut rig = Rig::new().await;
    let service = rig.serve().await;
    for (n, (what, payload, code)) in bad_payloads().into_iter().enumerate() {
        let bad = Outgoing {
            sop_class: sop_class::CT_IMAGE.into(),
            sop_instance: format!("2.25.{}", 1000 + n),
            transfer_syntax: ts::EXPLICIT_VR_LITTLE_ENDIAN.into(),
            dataset: payload.into(),
        };
        let sent = sender(service.address()).push(&[bad]).await.unwrap();
        assert_eq!(sent.statuses, [Status::SUCCESS], "{what}: it is safe with us, whatever it is");
        let before = rig.hub.store.instances_in("nccid", "quarantined").await.unwrap();
        service.run_until_idle().await.unwrap();
        let mut all = rig.hub.store.instances_in("nccid", "quarantined").await.unwrap();
        all.retain(|instance| !before.contains(instance));
        assert_eq!(all.len(), 1, "{what}");
        assert_eq!(all[0].reason.as_deref(), Some(code), "{what}");
        assert!(rig.hub.spool.holds(all[0].spool.as_deref().unwrap()).unwrap(), "{what}: the object is gone");
    }
}

/// The A-ABORT that must come: who it says is the source (PS3.8 §9.3.8: 0 the user, 2 the provider of the service).
async fn abort_source(stream: &mut TcpStream) -> u8 {
    let mut said = [0u8; 10];
    timeout(Duration::from_secs(10), stream.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(said[0], 0x07, "{said:02x?} is no A-ABORT");
    said[8]
}

/// An association established by hand.
async fn established(address: SocketAddr) -> TcpStream {
    let request = AssociateRq {
        protocol_version: 1,
        called_ae: AeTitle::parse("TRIBUTARY").unwrap(),
        calling_ae: AeTitle::parse("STORESCU").unwrap(),
        application_context: APPLICATION_CONTEXT.into(),
        contexts: vec![ProposedContext {
            id: 1,
            abstract_syntax: sop_class::CT_IMAGE.into(),
            transfer_syntaxes: vec![ts::EXPLICIT_VR_LITTLE_ENDIAN.into()],
        }],
        user: UserInformation { implementation_class: "2.25.1".into(), ..UserInformation::default() },
    };
    let mut out = BytesMut::new();
    pdu::write(&Pdu::AssociateRq(request), &mut out);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&out).await.unwrap();
    let mut head = [0u8; 6];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 0x02, "the association is not accepted");
    let mut rest = vec![0u8; u32::from_be_bytes([head[2], head[3], head[4], head[5]]).try_into().unwrap()];
    stream.read_exact(&mut rest).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdu_of_absurd_length_ends_its_association_and_no_other() {
    let rig = Rig::new().await;
    let address = SocketAddr::from(([127, 0, 0, 1], rig.port));
    let request_of_4_gb = b"\x01\x00\xFF\xFF\xFF\xFF\x00\x01".as_slice();
    let no_such_type = b"\x99\x00\x00\x00\x00\x04\x00\x00\x00\x00".as_slice();
    for bytes in [request_of_4_gb, no_such_type] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        // Before anything is agreed: PS3.8 Table 9-10, Sta2, action AA-1.
        assert_eq!(abort_source(&mut stream).await, 0, "{bytes:02x?}");
    }
    let data_of_4_gb = b"\x04\x00\xFF\xFF\xFF\xFF".as_slice();
    let value_longer_than_its_pdu = b"\x04\x00\x00\x00\x00\x06\xFF\xFF\xFF\xFF\x01\x00".as_slice();
    for bytes in [data_of_4_gb, value_longer_than_its_pdu] {
        let mut stream = established(address).await;
        stream.write_all(bytes).await.unwrap();
        // Sta6, action AA-8.
        assert_eq!(abort_source(&mut stream).await, 2, "{bytes:02x?}");
    }
    let good = sim::images::ct_study(8, 1, 32).remove(0);
    let good = Outgoing {
        sop_class: good.sop_class().into(),
        sop_instance: good.uid.clone(),
        transfer_syntax: ts::EXPLICIT_VR_LITTLE_ENDIAN.into(),
        dataset: good.encode(Syntax::ExplicitLittle).into(),
    };
    assert_eq!(sender(address).push(&[good]).await.unwrap().succeeded(), 1);
    assert!(sender(address).echo().await.unwrap());
    assert_eq!(rig.received().await.len(), 1);
}
