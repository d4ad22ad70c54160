//! PDUs (PS3.8 §9.3), with dicom-ul as a second opinion.

use super::*;
use bytes::{BufMut, BytesMut};
use dicom_ul::pdu as theirs;
use proptest::prelude::*;

fn written(pdu: &Pdu) -> BytesMut {
    let mut bytes = BytesMut::new();
    write(pdu, &mut bytes);
    bytes
}

fn read_whole(mut bytes: BytesMut) -> Result<Option<Pdu>, PduError> {
    let pdu = read(&mut bytes, &Limits::default());
    if let Ok(Some(_)) = pdu {
        assert!(bytes.is_empty());
    }
    pdu
}

fn request() -> AssociateRq {
    AssociateRq {
        protocol_version: 1,
        called_ae: AeTitle::parse("ARCHIVE").unwrap(),
        calling_ae: AeTitle::parse("A TITLE WITH 16C").unwrap(),
        application_context: APPLICATION_CONTEXT.to_owned(),
        contexts: vec![
            ProposedContext {
                id: 1,
                abstract_syntax: "1.2.840.10008.1.1".into(),
                transfer_syntaxes: vec!["1.2.840.10008.1.2".into()],
            },
            ProposedContext {
                id: 255,
                abstract_syntax: "1.2.840.10008.5.1.4.1.1.2".into(),
                transfer_syntaxes: vec!["1.2.840.10008.1.2.1".into(), "1.2.840.10008.1.2.4.50".into()],
            },
        ],
        user: UserInformation {
            pdu_bytes_max: Some(262_144),
            implementation_class: "2.25.1".into(),
            implementation_version: "TEST_1".into(),
            roles: vec![RoleSelection {
                sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
                requestor: Roles::SCP,
            }],
        },
    }
}

fn every_kind() -> Vec<Pdu> {
    let request = request();
    let accept = AssociateAc {
        called_ae: request.called_ae.clone(),
        calling_ae: request.calling_ae.clone(),
        contexts: vec![
            ContextResult { id: 1, result: Ok("1.2.840.10008.1.2".into()) },
            ContextResult { id: 255, result: Err(ContextRefusal::TransferSyntaxesNotSupported) },
        ],
        user: request.user.clone(),
    };
    let mut body = BytesMut::new();
    for fragment in [&b"command"[..], b"", b"data"] {
        body.put_slice(
            &data_header(3, fragment == b"command", true, u32::try_from(fragment.len()).unwrap())[6..],
        );
        body.put_slice(fragment);
    }
    vec![
        Pdu::AssociateRq(request),
        Pdu::AssociateAc(accept),
        Pdu::AssociateRj(Rejection::UNKNOWN_CALLING_AE),
        Pdu::AssociateRj(Rejection::CONGESTED),
        Pdu::Data(DataValues { body: body.freeze() }),
        Pdu::ReleaseRq,
        Pdu::ReleaseRp,
        Pdu::Abort(AbortSource::User),
        Pdu::Abort(AbortSource::Provider(AbortReason::UnexpectedParameter)),
    ]
}

#[test]
fn what_is_written_is_read_and_dicom_ul_agrees() {
    for pdu in every_kind() {
        let bytes = written(&pdu);
        assert_eq!(read_whole(bytes.clone()), Ok(Some(pdu.clone())));
        let their_pdu = theirs::read_pdu(&bytes[..], 1 << 20, true).unwrap().unwrap();
        let mut their_bytes = Vec::new();
        theirs::write_pdu(&mut their_bytes, &their_pdu).unwrap();
        assert_eq!(read_whole(BytesMut::from(&their_bytes[..])), Ok(Some(pdu)));
    }
}

#[test]
fn a_pdu_waits_until_it_is_whole() {
    for pdu in every_kind() {
        let whole = written(&pdu);
        for length in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..length]);
            assert_eq!(read(&mut part, &Limits::default()), Ok(None));
            assert_eq!(part.len(), length);
        }
    }
}

#[test]
fn an_absurd_length_is_refused_as_soon_as_it_is_seen() {
    for pdu_type in 1..=7 {
        let mut header = BytesMut::from(&[pdu_type, 0, 0xFF, 0xFF, 0xFF, 0xFE][..]);
        let error = read(&mut header, &Limits::default()).unwrap_err();
        assert!(matches!(error, PduError::TooLong { length_bytes: 0xFFFF_FFFE, .. }));
        assert_eq!(error.abort_reason(), AbortReason::InvalidParameter);
    }
}

#[test]
fn an_unknown_type_is_refused_at_its_first_byte() {
    let error = read(&mut BytesMut::from(&b"G"[..]), &Limits::default()).unwrap_err();
    assert_eq!((error, error.abort_reason()), (PduError::UnknownType(b'G'), AbortReason::UnrecognisedPdu));
}

#[test]
fn a_value_longer_than_its_pdu_or_shorter_than_its_header_is_malformed() {
    for length in [0u32, 1, 5, 0xFFFF_FFFF] {
        let mut bytes = BytesMut::from(&[0x04, 0, 0, 0, 0, 8][..]);
        bytes.put_u32(length);
        bytes.put_slice(&[1, 3, 0, 0]);
        assert!(matches!(read_whole(bytes), Err(PduError::Malformed(_))), "{length}");
    }
}

/// The user information of a request, from raw sub-items.
fn request_with_user_items(items: &[u8]) -> Result<Option<Pdu>, PduError> {
    let mut bare = request();
    bare.user = UserInformation::default();
    let mut bytes = written(&Pdu::AssociateRq(bare));
    // The user information item is last: 50H, 00H, length, with an empty implementation class of 4 bytes.
    bytes.truncate(bytes.len() - 8);
    bytes.put_slice(&[0x50, 0]);
    bytes.put_u16(u16::try_from(items.len()).unwrap());
    bytes.put_slice(items);
    let length = u32::try_from(bytes.len() - 6).unwrap();
    bytes[2..6].copy_from_slice(&length.to_be_bytes());
    read_whole(bytes)
}

#[test]
fn items_that_we_do_not_answer_are_read_over() {
    let mut items = Vec::new();
    items.extend([0x51, 0, 0, 4, 0, 0, 0x40, 0]);
    // Asynchronous operations window.
    items.extend([0x53, 0, 0, 4, 0, 5, 0, 5]);
    // Extended and common extended negotiation.
    items.extend([0x56, 0, 0, 6, 0, 3, b'1', b'.', b'2', 1]);
    items.extend([0x57, 0, 0, 2, 0, 0]);
    // User identity: a name and a password.
    items.extend([0x58, 0, 0, 10, 2, 1, 0, 2, b'm', b'e', 0, 2, b'p', b'w']);
    // What nobody has defined yet.
    items.extend([0x99, 0, 0, 1, 0]);
    items.extend([0x54, 0, 0, 7, 0, 3, b'1', b'.', b'2', 0, 1]);
    let Ok(Some(Pdu::AssociateRq(request))) = request_with_user_items(&items) else { panic!() };
    assert_eq!(request.user.pdu_bytes_max, Some(0x4000));
    assert_eq!(request.user.roles, [RoleSelection { sop_class: "1.2".into(), requestor: Roles::SCP }]);
    assert!(!format!("{request:?}").contains("pw"));
}

#[test]
fn a_role_selection_item_that_does_not_fit_is_malformed_not_awaited() {
    for item in
        [&[0x54, 0, 0, 1, 0][..], &[0x54, 0, 0, 4, 0, 9, 1, 1], &[0x54, 0, 0, 3, 0, 0, 1], &[0x54, 0, 0, 9]]
    {
        assert!(matches!(request_with_user_items(item), Err(PduError::Malformed(_))));
    }
}

#[test]
fn a_refused_context_needs_no_transfer_syntax() {
    let accept = AssociateAc {
        called_ae: AeTitle::parse("A").unwrap(),
        calling_ae: AeTitle::parse("B").unwrap(),
        contexts: vec![],
        user: UserInformation::default(),
    };
    let mut bytes = written(&Pdu::AssociateAc(accept));
    bytes.put_slice(&[0x21, 0, 0, 4, 7, 0, 3, 0]);
    let length = u32::try_from(bytes.len() - 6).unwrap();
    bytes[2..6].copy_from_slice(&length.to_be_bytes());
    let Ok(Some(Pdu::AssociateAc(accept))) = read_whole(bytes) else { panic!() };
    let refusal = Err(ContextRefusal::AbstractSyntaxNotSupported);
    assert_eq!(accept.contexts, [ContextResult { id: 7, result: refusal }]);
}

#[test]
fn ids_are_odd_and_unique() {
    for ids in [[2, 3], [3, 3], [0, 1]] {
        let mut twice = request();
        twice.contexts[0].id = ids[0];
        twice.contexts[1].id = ids[1];
        let read = read_whole(written(&Pdu::AssociateRq(twice)));
        assert_eq!(read, Err(PduError::Malformed("presentation context id")));
    }
}

#[test]
fn ae_titles_follow_ps3_5_6_2_and_cannot_break_a_log_line() {
    assert_eq!(AeTitle::parse(" HUB ").unwrap().as_str(), "HUB");
    for bad in ["", "   ", "SEVENTEEN CHARS..", "A\\B", "A\nB", "é"] {
        assert_eq!(AeTitle::parse(bad), Err(InvalidAeTitle));
    }
    assert_eq!(AeTitle::from_wire(b"A\nB\x1b[31m\0\0      ").as_str(), "A?B?[31m");
}

/// Bytes that begin as a PDU does, so that the parsers behind the header are reached.
fn likely_pdu() -> impl Strategy<Value = Vec<u8>> {
    (0u8..9, prop::collection::vec(any::<u8>(), 0..400)).prop_map(|(pdu_type, body)| {
        let mut bytes = vec![pdu_type, 0];
        bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    })
}

/// A good PDU with some bytes changed.
fn bent_pdu() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    (0..every_kind().len(), changes).prop_map(|(kind, changes)| {
        let mut bytes = written(&every_kind()[kind]).to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop_oneof![likely_pdu(), bent_pdu(), prop::collection::vec(any::<u8>(), 0..200)]) {
        let mut input = BytesMut::from(&bytes[..]);
        while let Ok(Some(pdu)) = read(&mut input, &Limits::default()) {
            if let Pdu::Data(values) = pdu {
                prop_assert!(values.map(|value| value.bytes.len()).sum::<usize>() <= bytes.len());
            }
        }
    }
}
