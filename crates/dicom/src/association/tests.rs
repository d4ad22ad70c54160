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
