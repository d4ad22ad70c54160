//! The association between two sides (PS3.8 §7, §9.2).

use super::pair::{Pair, limits};
use super::*;
use crate::dimse::{Request as EchoRequest, Response, Status};
use crate::pdu::{ContextRefusal, ProposedContext, Roles};
use crate::uid::{sop_class, transfer_syntax};

const IMPLICIT: &str = transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;

fn first_syntax(proposal: &Proposal) -> Decision {
    proposal.accept(|context: &ProposedContext| Answer::Accept {
        transfer_syntax: context.transfer_syntaxes[0].clone(),
        roles: Roles::BOTH,
    })
}

fn echo_pair() -> Pair {
    let contexts = vec![ContextRequest::scu(sop_class::VERIFICATION, &[IMPLICIT])];
    Pair::established(contexts, limits(16 * 1024), limits(16 * 1024), first_syntax)
}

fn echo_rq(message_id: u16) -> Command {
    Command::EchoRq(EchoRequest {
        message_id,
        sop_class: sop_class::VERIFICATION.to_owned(),
        priority: Default::default(),
    })
}

#[test]
fn an_echo_is_answered_with_its_own_message_id_and_the_release_closes_both_sides() {
    let mut pair = echo_pair();
    let message_id = pair.requestor.next_message_id();
    pair.requestor.send(1, &echo_rq(message_id), None).unwrap();
    pair.carry();
    let [Event::Command { context: 1, command, has_data_set: false }] = &pair.acceptor_events()[..] else {
        panic!()
    };
    pair.acceptor.send(1, &command.answer(Status::SUCCESS).unwrap(), None).unwrap();
    pair.carry();
    let expected = Command::EchoRsp(Response::new(message_id, sop_class::VERIFICATION, Status::SUCCESS));
    assert_eq!(
        pair.requestor_events(),
        [Event::Command { context: 1, command: expected, has_data_set: false }]
    );
    pair.requestor.release(pair.now);
    pair.carry();
    assert_eq!(pair.requestor_events(), [Event::Released, Event::Closed]);
    assert_eq!(pair.acceptor_events(), [Event::Released]);
    pair.acceptor.handle_closed(pair.now);
    assert_eq!(pair.acceptor_events(), [Event::Closed]);
}

#[test]
fn no_context_in_common_is_no_rejection() {
    let contexts = vec![ContextRequest::scu(sop_class::CT_IMAGE, &[IMPLICIT])];
    let mut pair = Pair::new(contexts, limits(16384), limits(16384));
    pair.carry();
    let Some(Event::Requested(proposal)) = pair.acceptor.poll_event() else { panic!() };
    let refuse = proposal.accept(|_| Answer::Refuse(ContextRefusal::AbstractSyntaxNotSupported));
    pair.acceptor.respond(&refuse, pair.now);
    pair.carry();
    let Some(Event::Established(agreed)) = pair.requestor.poll_event() else { panic!() };
    assert!(agreed.contexts.is_empty());
    assert_eq!(
        agreed.refused,
        [(1, sop_class::CT_IMAGE.to_owned(), ContextRefusal::AbstractSyntaxNotSupported)]
    );
}

#[test]
fn an_archive_that_never_answers_is_given_up_after_the_response_time() {
    let mut pair = echo_pair();
    let message_id = pair.requestor.next_message_id();
    pair.requestor.send(1, &echo_rq(message_id), None).unwrap();
    pair.carry();
    assert_eq!(pair.jump(), Timers::default().response);
    assert_eq!(pair.requestor_events(), [Event::Aborted(Cause::Timeout(Timeout::Response))]);
    pair.carry();
    let events = pair.acceptor_events();
    assert_eq!(events[1..], [Event::Aborted(Cause::Peer(AbortSource::User)), Event::Closed]);
}

/// A P-DATA-TF from raw values: context, control byte, fragment.
fn data_pdu(values: &[(u8, u8, &[u8])]) -> BytesMut {
    let mut body = Vec::new();
    for (context, control, fragment) in values {
        body.extend(u32::try_from(fragment.len() + 2).unwrap().to_be_bytes());
        body.extend([*context, *control]);
        body.extend(*fragment);
    }
    let mut pdu = BytesMut::from(&[4, 0][..]);
    pdu.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    pdu.extend_from_slice(&body);
    pdu
}

const COMMAND: u8 = 1;
const LAST: u8 = 2;

fn store_rq(has_data_set: bool) -> Vec<u8> {
    let request = crate::dimse::StoreRequest {
        message_id: 1,
        sop_class: sop_class::VERIFICATION.to_owned(),
        sop_instance: "1.2.3".to_owned(),
        priority: Default::default(),
        move_originator: None,
    };
    crate::dimse::encode(&Command::StoreRq(request), has_data_set)
}

fn data_of(events: &[Event]) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let mut ended = false;
    for event in events {
        if let Event::Data { bytes, last, .. } = event {
            assert!(!ended);
            all.extend_from_slice(bytes);
            ended = *last;
        }
    }
    (all, ended)
}

/// What the acceptor makes of bytes put on the wire by hand.
fn receives(pair: &mut Pair, bytes: &[BytesMut]) -> Vec<Event> {
    let mut input = BytesMut::new();
    for piece in bytes {
        input.extend_from_slice(piece);
        pair.acceptor.handle_bytes(&mut input, pair.now);
    }
    pair.acceptor_events()
}

#[test]
fn a_command_in_fragments_and_several_values_in_one_pdu_are_one_message() {
    let mut pair = echo_pair();
    let command = store_rq(true);
    let (first, second) = command.split_at(20);
    let split = data_pdu(&[(1, COMMAND, first)]);
    let together = data_pdu(&[(1, COMMAND | LAST, second), (1, 0, b"da"), (1, 0, b""), (1, 0, b"ta")]);
    let end = data_pdu(&[(1, LAST, b"!!")]);
    // Cut anywhere, the bytes mean the same.
    let mut wire = BytesMut::new();
    for part in [split, together, end] {
        wire.extend_from_slice(&part);
    }
    for cut in 1..wire.len() {
        let mut pair_of_this_cut = echo_pair();
        let parts = [BytesMut::from(&wire[..cut]), BytesMut::from(&wire[cut..])];
        let events = receives(&mut pair_of_this_cut, &parts);
        assert!(matches!(events[0], Event::Command { has_data_set: true, .. }));
        assert_eq!(data_of(&events), (b"data!!".to_vec(), true));
    }
    let events = receives(&mut pair, &[wire]);
    assert_eq!(events.len(), 4, "an empty fragment that is not the last is no event");
}

#[test]
fn what_breaks_the_message_order_aborts_with_a_reason() {
    let command = store_rq(true);
    let cases: [(&str, BytesMut, Violation); 5] = [
        (
            "a context never accepted",
            data_pdu(&[(3, COMMAND | LAST, &command)]),
            Violation::ContextNotAccepted(3),
        ),
        ("data without a command", data_pdu(&[(1, LAST, b"data")]), Violation::UnexpectedFragment),
        (
            "a command where data is due",
            data_pdu(&[(1, COMMAND | LAST, &command), (1, COMMAND | LAST, &command)]),
            Violation::UnexpectedFragment,
        ),
        (
            "a command that never ends",
            data_pdu(&[(1, COMMAND, &[0; 10_000][..]); 7]),
            Violation::CommandTooLong,
        ),
        (
            "a command set that is none",
            data_pdu(&[(1, COMMAND | LAST, b"GET / HTTP/1.1\r\n")]),
            Violation::Command(Unanswerable::NotACommandSet),
        ),
    ];
    for (what, bytes, violation) in cases {
        let mut pair = Pair::established(
            vec![ContextRequest::scu(sop_class::VERIFICATION, &[IMPLICIT])],
            limits(16 * 1024),
            limits(256 * 1024),
            first_syntax,
        );
        let events = receives(&mut pair, &[bytes]);
        assert_eq!(events.last(), Some(&Event::Aborted(Cause::Protocol(violation))), "{what}");
        let sent = pair.acceptor.poll_transmit(pair.now).unwrap();
        assert_eq!((sent[0], sent[8]), (7, 2), "{what}: A-ABORT by the provider");
        // The dead connection does not stay: ARTIM ends it.
        assert_eq!(pair.acceptor.poll_timeout(), Some(pair.now + Timers::default().artim));
    }
}

#[test]
fn an_unknown_operation_is_answered_its_data_set_dropped_and_the_association_goes_on() {
    let mut pair = echo_pair();
    // N-CREATE-RQ, message id 9, with a data set.
    let mut command = Vec::new();
    for (number, value) in [(0x0100u16, 0x0140u16), (0x0110, 9), (0x0800, 1)] {
        command.extend([0, 0]);
        command.extend(number.to_le_bytes());
        command.extend([2, 0, 0, 0]);
        command.extend(value.to_le_bytes());
    }
    let bytes = data_pdu(&[(1, COMMAND | LAST, &command), (1, 0, b"some"), (1, LAST, b"thing")]);
    assert_eq!(receives(&mut pair, &[bytes]), []);
    let answer = pair.acceptor.poll_transmit(pair.now).unwrap();
    let status = &answer[answer.len() - 2..];
    assert_eq!(status, Status::UNRECOGNISED_OPERATION.0.to_le_bytes());
    pair.requestor.send(1, &echo_rq(1), None).unwrap();
    pair.carry();
    assert!(matches!(pair.acceptor_events()[..], [Event::Command { command: Command::EchoRq(_), .. }]));
}

#[test]
fn no_pdu_is_longer_than_the_peer_takes_and_no_limit_means_256_kib() {
    for (peer_takes, longest) in [(16_384u32, 16_384u32), (0, 262_144), (1 << 30, 262_144), (4_097, 4_096)] {
        let mut messages = messages::Messages::new(peer_takes);
        let mut out = BytesMut::new();
        let rq = echo_rq(1);
        messages.send_command(1, &rq, true, &mut out).unwrap();
        out.clear();
        messages.send_data(1, &vec![7; 1 << 20], true, &mut out).unwrap();
        let mut lengths = Vec::new();
        while !out.is_empty() {
            let length = u32::from_be_bytes(out[2..6].try_into().unwrap());
            lengths.push(length);
            let _ = out.split_to(6 + length as usize);
        }
        assert_eq!(lengths.iter().max(), Some(&longest), "a peer that takes {peer_takes}");
        assert_eq!(lengths.iter().map(|length| length - 6).sum::<u32>(), 1 << 20);
    }
}

#[test]
fn a_pdu_longer_than_we_said_we_take_is_refused() {
    let mut pair = echo_pair();
    let bytes = data_pdu(&[(1, COMMAND, &[0; 17_000][..])]);
    let events = receives(&mut pair, &[bytes]);
    assert!(matches!(
        events[..],
        [Event::Aborted(Cause::Protocol(Violation::Pdu(PduError::TooLong { pdu_type: 4, .. })))]
    ));
}

#[test]
fn an_abort_in_the_middle_of_an_instance_is_told_and_nothing_else_is_sent() {
    let mut pair = echo_pair();
    pair.requestor.send_command(1, &echo_rq(1), true).unwrap();
    pair.requestor.send_data(1, &[1; 100_000], false).unwrap();
    pair.carry();
    pair.requestor.send_data(1, &[2; 100_000], false).unwrap();
    pair.requestor.abort(pair.now);
    let sent = pair.requestor.poll_transmit(pair.now).unwrap();
    assert_eq!(sent[..], [7, 0, 0, 0, 0, 4, 0, 0, 0, 0], "what waited is dropped");
    pair.acceptor.handle_bytes(&mut BytesMut::from(&sent[..]), pair.now);
    let events = pair.acceptor_events();
    assert!(!data_of(&events).1, "the data set never ended");
    assert_eq!(events[events.len() - 2..], [Event::Aborted(Cause::Peer(AbortSource::User)), Event::Closed]);
    assert_eq!(pair.requestor_events(), [Event::Aborted(Cause::Local)]);
    assert_eq!(pair.requestor.send(1, &echo_rq(2), None), Err(SendError::NotEstablished));
}

#[test]
fn a_connection_that_breaks_is_told() {
    let mut pair = echo_pair();
    pair.acceptor.handle_closed(pair.now);
    assert_eq!(pair.acceptor_events(), [Event::Aborted(Cause::ConnectionLost), Event::Closed]);
    assert!(pair.acceptor.is_closed() && pair.acceptor.poll_timeout().is_none());
}

#[test]
fn a_caller_that_says_nothing_is_closed_by_artim() {
    let now = Duration::from_secs(5);
    let mut association = Association::accept(Limits::default(), Timers::default(), now);
    let at = association.poll_timeout().unwrap();
    assert_eq!(at, now + Timers::default().artim);
    association.handle_timeout(at - Duration::from_millis(1));
    assert_eq!(association.poll_event(), None);
    association.handle_timeout(at);
    assert_eq!(association.poll_event(), Some(Event::Closed));
}

#[test]
fn each_wait_has_its_own_end() {
    let timers = Timers::default();
    // Connecting.
    let request = pair::request(vec![]);
    let mut association = Association::connecting(&request, Limits::default(), timers, Duration::ZERO);
    association.handle_timeout(timers.connect);
    let aborted = |which| Some(Event::Aborted(Cause::Timeout(which)));
    assert_eq!(association.poll_event(), aborted(Timeout::Connect));
    assert_eq!(association.poll_event(), Some(Event::Closed));
    // Awaiting the answer to A-ASSOCIATE-RQ.
    let mut association = Association::request(&request, Limits::default(), timers, Duration::ZERO);
    association.poll_transmit(Duration::ZERO);
    association.handle_timeout(timers.associate);
    assert_eq!(association.poll_event(), aborted(Timeout::Associate));
    // Awaiting the next request.
    let mut pair = echo_pair();
    assert_eq!(pair.jump(), timers.idle);
    assert_eq!(pair.acceptor.poll_event(), aborted(Timeout::Idle));
    // Awaiting the rest of a message, however long our own answer to it would take.
    let mut pair = echo_pair();
    let _ = receives(&mut pair, &[data_pdu(&[(1, COMMAND | LAST, &store_rq(true)), (1, 0, b"half")])]);
    let from = pair.now;
    assert_eq!(pair.acceptor.poll_timeout(), Some(from + timers.idle));
    let _ = receives(&mut pair, &[data_pdu(&[(1, LAST, b"whole")])]);
    assert_eq!(pair.acceptor.poll_timeout(), None, "now it is our turn");
    // Awaiting A-RELEASE-RP.
    let mut pair = echo_pair();
    pair.acceptor_is_mute = true;
    pair.requestor.release(pair.now);
    pair.carry();
    assert_eq!(pair.jump(), timers.release);
    assert_eq!(pair.requestor.poll_event(), aborted(Timeout::Release));
    // Awaiting the end of the connection.
    assert_eq!(pair.jump(), timers.artim - timers.release);
    assert_eq!(pair.jump(), timers.release);
    assert_eq!(pair.requestor.poll_event(), Some(Event::Closed));
}

#[test]
fn an_answer_that_the_association_gives_by_itself_waits_for_the_data_set_being_sent() {
    let mut pair = echo_pair();
    pair.acceptor.send_command(1, &echo_rq(1), true).unwrap();
    let mut n_get = Vec::new();
    for (number, value) in [(0x0100u16, 0x0110u16), (0x0110, 9), (0x0800, 0x0101)] {
        n_get.extend([0, 0]);
        n_get.extend(number.to_le_bytes());
        n_get.extend([2, 0, 0, 0]);
        n_get.extend(value.to_le_bytes());
    }
    let _ = receives(&mut pair, &[data_pdu(&[(1, COMMAND | LAST, &n_get)])]);
    assert_eq!(pair.acceptor.send_command(1, &echo_rq(2), false), Err(SendError::DataSetUnfinished));
    pair.acceptor.send_data(1, b"data", true).unwrap();
    let sent = pair.acceptor.poll_transmit(pair.now).unwrap();
    let kinds: Vec<u8> = {
        let mut kinds = Vec::new();
        let mut rest = sent;
        while !rest.is_empty() {
            kinds.push(rest[11]);
            let length = u32::from_be_bytes(rest[2..6].try_into().unwrap()) as usize;
            rest = rest.slice(6 + length..);
        }
        kinds
    };
    assert_eq!(kinds, [COMMAND | LAST, LAST, COMMAND | LAST]);
}

proptest::proptest! {
    #[test]
    fn no_peer_makes_an_association_panic_or_hold_more_than_it_sent(
        pieces in proptest::collection::vec(
            (proptest::sample::select(vec![1u8, 1, 1, 3, 5]), 0u8..4, proptest::collection::vec(proptest::num::u8::ANY, 0..60)),
            1..8,
        ),
        noise in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
    ) {
        let mut pair = echo_pair();
        let values: Vec<_> = pieces.iter().map(|(context, control, bytes)| (*context, *control, &bytes[..])).collect();
        let events = receives(&mut pair, &[data_pdu(&values), BytesMut::from(&noise[..])]);
        let held: usize = events.iter().map(|event| match event { Event::Data { bytes, .. } => bytes.len(), _ => 0 }).sum();
        let sent: usize = pieces.iter().map(|(_, _, bytes)| bytes.len()).sum();
        proptest::prop_assert!(held <= sent);
        let mut fresh = Association::accept(Limits::default(), Timers::default(), Duration::ZERO);
        fresh.handle_bytes(&mut BytesMut::from(&noise[..]), Duration::ZERO);
    }
}
