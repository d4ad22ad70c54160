//! Command sets (PS3.7 §6.3, §9.3, Annex E).

use super::*;
use proptest::prelude::*;

fn store_request() -> StoreRequest {
    StoreRequest {
        message_id: 0x1234,
        sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
        sop_instance: "1.2.3".into(),
        priority: Priority::High,
        move_originator: Some(MoveOriginator { ae: "HUB".into(), message_id: 9 }),
    }
}

fn every_command() -> Vec<(Command, bool)> {
    let request =
        Request { message_id: 1, sop_class: "1.2.840.10008.1.1".into(), priority: Priority::Medium };
    let response = Response {
        counts: Counts { remaining: Some(3), completed: Some(2), failed: Some(1), warning: Some(0) },
        comment: Some(ErrorComment::new("no")),
        ..Response::new(1, "1.2.840.10008.1.1", Status::PENDING)
    };
    let move_request = MoveRequest {
        message_id: 2,
        sop_class: "1.2".into(),
        priority: Priority::Low,
        destination: "HUB".into(),
    };
    vec![
        (Command::EchoRq(request.clone()), false),
        (Command::StoreRq(store_request()), true),
        (Command::FindRq(request.clone()), true),
        (Command::GetRq(request), true),
        (Command::MoveRq(move_request), true),
        (Command::CancelRq { responded_to: 7 }, false),
        (Command::EchoRsp(response.clone()), false),
        (Command::StoreRsp(Response { sop_instance: "1.2.3".into(), ..response.clone() }), false),
        (Command::FindRsp(response.clone()), true),
        (Command::GetRsp(response.clone()), false),
        (Command::MoveRsp(response), true),
    ]
}

#[test]
fn every_command_survives_the_wire() {
    for (command, has_data_set) in every_command() {
        let bytes = encode(&command, has_data_set);
        assert_eq!(decode(&bytes), Ok(Decoded::Known(command, has_data_set)));
    }
}

#[test]
fn a_command_set_is_implicit_little_endian_with_a_true_group_length_and_ascending_elements() {
    for (command, has_data_set) in every_command() {
        let bytes = encode(&command, has_data_set);
        assert_eq!(bytes[..8], [0, 0, 0, 0, 4, 0, 0, 0]);
        let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        assert_eq!(length as usize, bytes.len() - 12);
        let (mut at, mut last) = (0, None);
        while at < bytes.len() {
            let number = u16::from_le_bytes(bytes[at + 2..at + 4].try_into().unwrap());
            assert!(last < Some(number));
            last = Some(number);
            let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap());
            assert_eq!(length % 2, 0);
            at += 8 + length as usize;
        }
    }
}

#[test]
fn c_echo_rq_is_the_bytes_of_ps3_7_table_9_3_12() {
    let request =
        Request { message_id: 1, sop_class: "1.2.840.10008.1.1".into(), priority: Priority::Medium };
    let mut expected = vec![0, 0, 0, 0, 4, 0, 0, 0, 56, 0, 0, 0];
    expected.extend([0, 0, 2, 0, 18, 0, 0, 0]);
    expected.extend(b"1.2.840.10008.1.1\0");
    expected.extend([0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0]);
    expected.extend([0, 0, 0x10, 1, 2, 0, 0, 0, 1, 0]);
    expected.extend([0, 0, 0, 8, 2, 0, 0, 0, 1, 1]);
    assert_eq!(encode(&Command::EchoRq(request), false), expected);
}

#[test]
fn an_answer_echoes_message_id_class_and_instance() {
    let answer = Command::StoreRq(store_request()).answer(Status::OUT_OF_RESOURCES).unwrap();
    let response = answer.response().unwrap();
    assert_eq!(response.responded_to, 0x1234);
    assert_eq!(response.sop_class, "1.2.840.10008.5.1.4.1.1.2");
    assert_eq!(response.sop_instance, "1.2.3");
    assert_eq!(response.status, Status::OUT_OF_RESOURCES);
    assert_eq!(Command::CancelRq { responded_to: 1 }.answer(Status::SUCCESS), None);
}

/// A command set from its elements.
fn command_set(elements: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in elements {
        bytes.extend([0, 0]);
        bytes.extend(number.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(*value);
    }
    bytes
}

#[test]
fn a_request_of_another_service_is_answered_unrecognised_operation() {
    // N-ACTION-RQ of storage commitment, with a data set.
    let set = command_set(&[
        (0x0003, b"1.2.840.10008.1.20.1"),
        (0x0100, &[0x30, 0x01]),
        (0x0110, &[5, 0]),
        (0x0800, &[1, 0]),
    ]);
    let expected = Decoded::Answer {
        command_field: 0x0130,
        message_id: 5,
        sop_class: "1.2.840.10008.1.20.1".into(),
        status: Status::UNRECOGNISED_OPERATION,
        has_data_set: true,
    };
    assert_eq!(decode(&set), Ok(expected));
    let answer = encode_unrecognised(0x0130, 5, "1.2", Status::UNRECOGNISED_OPERATION);
    // Its command field is N-ACTION-RSP, which is no response that we understand.
    assert_eq!(decode(&answer), Err(Unanswerable::UnknownResponse(0x0130)));
}

#[test]
fn a_store_request_without_an_instance_uid_or_data_set_is_a_mistyped_argument() {
    let class: (u16, &[u8]) = (0x0002, b"1.2.840.10008.5.1.4.1.1.2\0");
    let kind: (u16, &[u8]) = (0x0100, &[1, 0]);
    let id: (u16, &[u8]) = (0x0110, &[5, 0]);
    let instance: (u16, &[u8]) = (0x1000, b"1.2.3\0");
    let without_instance = command_set(&[class, kind, id, (0x0800, &[0, 0])]);
    let without_data_set = command_set(&[class, kind, id, (0x0800, &[1, 1]), instance]);
    for set in [without_instance, without_data_set] {
        let Ok(Decoded::Answer { status, message_id: 5, .. }) = decode(&set) else { panic!() };
        assert_eq!(status, Status::MISTYPED_ARGUMENT);
    }
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    assert_eq!(decode(&[]), Err(Unanswerable::Lacks(0x0100)));
    assert_eq!(decode(&[8, 0, 0, 0, 0, 0, 0, 0]), Err(Unanswerable::NotACommandSet));
    assert_eq!(decode(&[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]), Err(Unanswerable::NotACommandSet));
    let without_message_id = command_set(&[(0x0100, &[0x30, 0])]);
    assert_eq!(decode(&without_message_id), Err(Unanswerable::Lacks(0x0110)));
}

#[test]
fn an_error_comment_and_an_instance_do_not_print() {
    let mut response = Response::new(1, "1.2", Status::PROCESSING_FAILURE);
    response.comment = Some(ErrorComment::new("patient SENTINEL unknown"));
    response.sop_instance = "1.2.3.4.5.6".into();
    let printed = format!("{:?} {:?}", Command::StoreRsp(response), store_request());
    assert!(!printed.contains("SENTINEL") && !printed.contains("1.2.3"), "{printed}");
}

#[test]
fn statuses_have_the_classes_of_ps3_7_annex_c() {
    let classes = [
        (Status::SUCCESS, StatusClass::Success),
        (Status::PENDING, StatusClass::Pending),
        (Status::PENDING_KEYS_UNSUPPORTED, StatusClass::Pending),
        (Status::CANCEL, StatusClass::Cancel),
        (Status::WARNING, StatusClass::Warning),
        (Status::ELEMENTS_DISCARDED, StatusClass::Warning),
        (Status::ATTRIBUTE_LIST_WARNING, StatusClass::Warning),
        (Status::OUT_OF_RESOURCES, StatusClass::Failure),
        (Status::MOVE_DESTINATION_UNKNOWN, StatusClass::Failure),
        (Status::UNABLE_TO_PROCESS, StatusClass::Failure),
        (Status(0xC123), StatusClass::Failure),
        (Status::NOT_AUTHORISED, StatusClass::Failure),
    ];
    for (status, class) in classes {
        assert_eq!(status.class(), class, "{status}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(
        kind in 0..every_command().len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let (command, has_data_set) = &every_command()[kind];
        let mut bytes = encode(command, *has_data_set);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decode(&bytes);
        let _ = decode(&noise);
    }
}
