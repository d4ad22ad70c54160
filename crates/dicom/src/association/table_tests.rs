//! PS3.8 Table 9-10, cell by cell: the table as the standard prints it, against what an association does.

use super::act::Input;
use super::pair::{Pair, limits, request};
use super::table::{Evt, State};
use super::*;
use crate::dimse::{Request as EchoRequest, Status};
use crate::pdu::{AbortReason, AssociateAc, Roles, UserInformation};
use crate::uid::{sop_class, transfer_syntax};
use bytes::BufMut;

/// Transcribed from PS3.8 Table 9-10: a row per event, columns Sta1 to Sta13.
const TABLE_9_10: &str = "
Evt1   AE-1 -    -    -    -    -    -    -    -    -     -    -    -
Evt2   -    -    -    AE-2 -    -    -    -    -    -     -    -    -
Evt3   -    AA-1 AA-8 -    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt4   -    AA-1 AA-8 -    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt5   AE-5 -    -    -    -    -    -    -    -    -     -    -    -
Evt6   -    AE-6 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
Evt7   -    -    AE-7 -    -    -    -    -    -    -     -    -    -
Evt8   -    -    AE-8 -    -    -    -    -    -    -     -    -    -
Evt9   -    -    -    -    -    DT-1 -    AR-7 -    -     -    -    -
Evt10  -    AA-1 AA-8 -    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt11  -    -    -    -    -    AR-1 -    -    -    -     -    -    -
Evt12  -    AA-1 AA-8 -    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt13  -    AA-1 AA-8 -    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6
Evt14  -    -    -    -    -    -    -    AR-4 AR-9 -     -    AR-4 -
Evt15  -    -    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1 AA-1 -
Evt16  -    AA-2 AA-3 -    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3 AA-3 AA-2
Evt17  -    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4 AA-4 AR-5
Evt18  -    AA-2 -    -    -    -    -    -    -    -     -    -    AA-2
Evt19  -    AA-1 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
";

const STATES: [State; 13] = {
    use State::*;
    [Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13]
};

const LATER: Duration = Duration::from_secs(1_007);

fn contexts() -> Vec<ContextRequest> {
    vec![ContextRequest::scu(sop_class::VERIFICATION, &[transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN])]
}

fn accept_all(proposal: &Proposal) -> Decision {
    proposal.accept(|context| Answer::Accept {
        transfer_syntax: context.transfer_syntaxes[0].clone(),
        roles: Roles::DEFAULT,
    })
}

fn echo() -> Command {
    let sop_class = sop_class::VERIFICATION.to_owned();
    Command::EchoRq(EchoRequest { message_id: 1, sop_class, priority: Default::default() })
}

/// An association in a state, by real traffic where the state can last, with nothing left to say.
fn in_state(state: State, is_requestor: bool) -> Association {
    let timers = Timers::default();
    let now = Duration::from_secs(1_000);
    let mut pair = Pair::new(contexts(), limits(16384), limits(16384));
    let mut association = match state {
        State::Sta1 => Association::idle(is_requestor, limits(16384), timers, now),
        State::Sta2 => Association::accept(limits(16384), timers, now),
        State::Sta3 => {
            pair.carry();
            pair.acceptor
        }
        State::Sta4 => Association::connecting(&request(contexts()), limits(16384), timers, now),
        State::Sta5 => pair.requestor,
        _ => {
            let mut pair = Pair::established(contexts(), limits(16384), limits(16384), accept_all);
            match state {
                State::Sta7 => pair.requestor.release(now),
                State::Sta13 => pair.requestor.abort(now),
                // States that the user of the service leaves at once are set, not reached.
                _ => pair.requestor.state = state,
            }
            pair.requestor
        }
    };
    association.is_requestor = is_requestor;
    assert_eq!(association.state, state);
    while association.poll_event().is_some() {}
    association.out.clear();
    association
}

fn pdu_bytes(pdu: &Pdu) -> BytesMut {
    let mut bytes = BytesMut::new();
    pdu::write(pdu, &mut bytes);
    bytes
}

fn echo_pdu() -> BytesMut {
    let message = crate::dimse::encode(&echo(), false);
    let mut bytes = BytesMut::new();
    bytes.put_slice(&pdu::data_header(1, true, true, u32::try_from(message.len()).unwrap()));
    bytes.put_slice(&message);
    bytes
}

/// Makes Evt1 to Evt19 happen, PDUs by their bytes.
fn inject(association: &mut Association, event: usize) {
    let asked = negotiate::request_pdu(&request(contexts()), &limits(16384));
    let title = asked.called_ae.clone();
    let mut bytes = match event {
        3 => {
            let user = UserInformation::default();
            let contexts = vec![];
            pdu_bytes(&Pdu::AssociateAc(AssociateAc {
                called_ae: title.clone(),
                calling_ae: title,
                contexts,
                user,
            }))
        }
        4 => pdu_bytes(&Pdu::AssociateRj(Rejection::CONGESTED)),
        6 => pdu_bytes(&Pdu::AssociateRq(asked)),
        10 => echo_pdu(),
        12 => pdu_bytes(&Pdu::ReleaseRq),
        13 => pdu_bytes(&Pdu::ReleaseRp),
        16 => pdu_bytes(&Pdu::Abort(AbortSource::Provider(AbortReason::NotSpecified))),
        19 => BytesMut::from(&[0xAA, 0, 0, 0, 0, 0][..]),
        _ => BytesMut::new(),
    };
    if !bytes.is_empty() {
        return association.handle_bytes(&mut bytes, LATER);
    }
    match event {
        1 => association.occur(Evt::AssociateRequest, Input::Nothing, LATER),
        2 => association.handle_connected(LATER),
        5 => association.occur(Evt::TransportIndication, Input::Nothing, LATER),
        7 => association.respond(&Decision::Accept(vec![]), LATER),
        8 => association.respond(&Decision::Reject(Rejection::CONGESTED), LATER),
        9 => drop(association.send(1, &echo(), None)),
        11 => association.release(LATER),
        14 => association.occur(Evt::ReleaseResponse, Input::Nothing, LATER),
        15 => association.abort(LATER),
        17 => association.handle_closed(LATER),
        _ => association.occur(Evt::ArtimExpired, Input::Nothing, LATER),
    }
}

/// What can be seen of an action: state after it, PDU types sent, events by name, whether ARTIM runs.
#[derive(Debug, PartialEq)]
struct Seen {
    state: State,
    sent: Vec<u8>,
    events: Vec<&'static str>,
    artim: bool,
}

fn observe(association: &mut Association) -> Seen {
    let mut sent = Vec::new();
    let mut out = association.poll_transmit(LATER).unwrap_or_default();
    while !out.is_empty() {
        let length = u32::from_be_bytes(out[2..6].try_into().unwrap()) as usize;
        // An abort is told apart by its source: 7 for the service user, 0x27 for the provider.
        sent.push(if out[0] == 7 && out[8] == 2 { 0x27 } else { out[0] });
        out = out.slice(6 + length..);
    }
    let events = std::iter::from_fn(|| association.poll_event())
        .map(|event| match event {
            Event::Requested(_) => "requested",
            Event::Established(_) => "established",
            Event::Rejected(_) => "rejected",
            Event::Command { .. } => "command",
            Event::Data { .. } => "data",
            Event::Released => "released",
            Event::Aborted(_) => "aborted",
            Event::Closed => "closed",
        })
        .collect();
    Seen { state: association.state, sent, events, artim: association.clocks.artim_since.is_some() }
}

/// What PS3.8 Tables 9-6 to 9-9 say of an action. Our user answers a release at once, so AR-2 goes on with AR-4, AR-8
/// of the requestor with AR-9, and AR-10 with AR-4.
fn expected(action: &str, before: State, is_requestor: bool) -> Seen {
    let seen = |state, sent: &[u8], events: &[&'static str], artim| Seen {
        state,
        sent: sent.to_vec(),
        events: events.to_vec(),
        artim,
    };
    match action {
        "AE-1" => seen(State::Sta4, &[], &[], false),
        "AE-2" => seen(State::Sta5, &[0x01], &[], false),
        "AE-3" => seen(State::Sta6, &[], &["established"], false),
        "AE-4" => seen(State::Sta1, &[], &["rejected", "closed"], false),
        "AE-5" => seen(State::Sta2, &[], &[], true),
        "AE-6" => seen(State::Sta3, &[], &["requested"], false),
        "AE-7" => seen(State::Sta6, &[0x02], &["established"], false),
        "AE-8" => seen(State::Sta13, &[0x03], &[], true),
        "DT-1" => seen(State::Sta6, &[0x04], &[], false),
        "DT-2" => seen(State::Sta6, &[], &["command"], false),
        "AR-1" => seen(State::Sta7, &[0x05], &[], false),
        "AR-2" => seen(State::Sta13, &[0x06], &["released"], true),
        "AR-3" => seen(State::Sta1, &[], &["released", "closed"], false),
        "AR-4" => seen(State::Sta13, &[0x06], &[], true),
        "AR-5" => seen(State::Sta1, &[], &["closed"], false),
        "AR-6" => seen(State::Sta7, &[], &["command"], false),
        "AR-7" => seen(State::Sta8, &[0x04], &[], false),
        "AR-8" if is_requestor => seen(State::Sta11, &[0x06], &[], false),
        "AR-8" => seen(State::Sta10, &[], &[], false),
        "AR-9" => seen(State::Sta11, &[0x06], &[], false),
        "AR-10" => seen(State::Sta13, &[0x06], &["released"], true),
        "AA-1" => seen(State::Sta13, &[0x07], &["aborted"], true),
        "AA-2" if before == State::Sta4 => seen(State::Sta1, &[], &["aborted", "closed"], false),
        "AA-2" | "AA-5" => seen(State::Sta1, &[], &["closed"], false),
        "AA-3" | "AA-4" => seen(State::Sta1, &[], &["aborted", "closed"], false),
        "AA-6" => seen(State::Sta13, &[], &[], true),
        "AA-7" => seen(State::Sta13, &[0x27], &[], true),
        "AA-8" => seen(State::Sta13, &[0x27], &["aborted"], true),
        "-" => seen(before, &[], &[], matches!(before, State::Sta2 | State::Sta13)),
        other => panic!("no such action: {other}"),
    }
}

#[test]
fn every_cell_of_ps3_8_table_9_10() {
    let mut cells = 0;
    for (row, line) in TABLE_9_10.trim().lines().enumerate() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((columns[0], columns.len()), (format!("Evt{}", row + 1).as_str(), 14));
        for (action, state) in columns[1..].iter().zip(STATES) {
            for is_requestor in [true, false] {
                let mut association = in_state(state, is_requestor);
                inject(&mut association, row + 1);
                let seen = observe(&mut association);
                let expected = expected(action, state, is_requestor);
                assert_eq!(
                    seen, expected,
                    "{} in {state:?}, {action}, requestor: {is_requestor}",
                    columns[0]
                );
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 19 * 13 * 2);
}

#[test]
fn ae_6_rejects_what_no_user_could_accept() {
    let mut asked = negotiate::request_pdu(&request(contexts()), &limits(16384));
    asked.protocol_version = 2;
    let mut other_context = negotiate::request_pdu(&request(contexts()), &limits(16384));
    other_context.application_context = "1.2.3".to_owned();
    for (request, codes) in [(asked, [0, 1, 2, 2]), (other_context, [0, 1, 1, 2])] {
        let mut association = in_state(State::Sta2, false);
        association.handle_bytes(&mut pdu_bytes(&Pdu::AssociateRq(request)), LATER);
        assert_eq!(association.poll_transmit(LATER).unwrap()[6..], codes);
        assert_eq!(association.state, State::Sta13);
        assert_eq!(association.poll_event(), None);
        assert_eq!(association.poll_timeout(), Some(LATER + Timers::default().artim));
    }
}

#[test]
fn both_releasing_at_once_ends_well() {
    let mut pair = Pair::established(contexts(), limits(16384), limits(16384), accept_all);
    pair.requestor.release(pair.now);
    pair.acceptor.release(pair.now);
    pair.carry();
    assert_eq!(pair.requestor_events(), [Event::Released, Event::Closed]);
    assert_eq!(pair.acceptor_events(), [Event::Released]);
}

#[test]
fn a_response_with_an_id_never_asked_breaks_the_association() {
    let mut association = in_state(State::Sta6, true);
    let message = crate::dimse::encode(&echo().answer(Status::SUCCESS).unwrap(), false);
    let mut bytes = BytesMut::new();
    bytes.put_slice(&pdu::data_header(1, true, true, u32::try_from(message.len()).unwrap()));
    bytes.put_slice(&message);
    association.handle_bytes(&mut bytes, LATER);
    let aborted = Event::Aborted(Cause::Protocol(Violation::UnexpectedResponse));
    assert_eq!(association.poll_event(), Some(aborted));
}
