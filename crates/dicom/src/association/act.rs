//! The actions of PS3.8 Tables 9-6 to 9-9, carried out.

use super::messages::Messages;
use super::negotiate::{self, Answer, Proposal};
use super::table::{self, Action, Evt, State};
use super::{Association, Cause, Event, Violation};
use crate::pdu::{
    self, APPLICATION_CONTEXT, AbortReason, AbortSource, AssociateRq, DataValues, Pdu, RejectReason,
    RejectResult, Rejection,
};
use std::time::Duration;

/// What an event brings with it.
pub(super) enum Input<'a> {
    Nothing,
    Pdu(Pdu),
    Violation(Violation),
    Cause(Cause),
    Answers(&'a [(u8, Answer)]),
    Rejection(Rejection),
}

impl Association {
    /// Looks the event up in Table 9-10, changes state and acts. In a cell that the table leaves empty nothing happens.
    pub(super) fn occur(&mut self, event: Evt, input: Input<'_>, now: Duration) {
        let Some(action) = table::action(event, self.state) else { return };
        self.enter(action.next_state(self.is_requestor), now);
        match action {
            Action::Ae1 | Action::Dt1 | Action::Ar7 => {}
            Action::Ae2 => {
                if let Some(request) = self.request.clone() {
                    self.transmit(&Pdu::AssociateRq(request));
                }
            }
            Action::Ae3 => self.confirm_accept(input),
            Action::Ae4 => {
                if let Input::Pdu(Pdu::AssociateRj(rejection)) = input {
                    self.end(Event::Rejected(rejection));
                }
                self.close();
            }
            Action::Ae5 => self.start_artim(now),
            Action::Ae6 => self.indicate_request(input, now),
            Action::Ae7 => self.accept_response(input),
            Action::Ae8 => {
                if let Input::Rejection(rejection) = input {
                    self.transmit(&Pdu::AssociateRj(rejection));
                }
                self.start_artim(now);
            }
            Action::Dt2 | Action::Ar6 => {
                if let Input::Pdu(Pdu::Data(values)) = input {
                    self.receive(values, now);
                }
            }
            _ => self.act_on_end(action, input, now),
        }
    }

    /// Release and abort (PS3.8 Tables 9-8, 9-9).
    fn act_on_end(&mut self, action: Action, input: Input<'_>, now: Duration) {
        match action {
            Action::Ar1 => self.transmit(&Pdu::ReleaseRq),
            // The user of this service has nothing to add when the peer releases: the response follows at once.
            Action::Ar2 => {
                self.end(Event::Released);
                self.occur(Evt::ReleaseResponse, Input::Nothing, now);
            }
            Action::Ar3 => {
                self.end(Event::Released);
                self.close();
            }
            Action::Ar4 => {
                self.transmit(&Pdu::ReleaseRp);
                self.start_artim(now);
            }
            // Both released at once: the requestor answers first (PS3.8 §7.2.2.7).
            Action::Ar8 if self.is_requestor => self.occur(Evt::ReleaseResponse, Input::Nothing, now),
            Action::Ar8 => {}
            Action::Ar9 => self.transmit(&Pdu::ReleaseRp),
            Action::Ar10 => {
                self.end(Event::Released);
                self.occur(Evt::ReleaseResponse, Input::Nothing, now);
            }
            Action::Aa1 => {
                let cause = match input {
                    Input::Cause(cause) => cause,
                    Input::Violation(violation) => Cause::Protocol(violation),
                    _ => Cause::Protocol(Violation::UnexpectedPdu),
                };
                self.send_abort(AbortSource::User);
                self.start_artim(now);
                self.end(Event::Aborted(cause));
            }
            Action::Aa2 => {
                if let Input::Cause(cause) = input {
                    self.end(Event::Aborted(cause));
                }
                self.close();
            }
            Action::Aa3 => {
                if let Input::Pdu(Pdu::Abort(source)) = input {
                    self.end(Event::Aborted(Cause::Peer(source)));
                }
                self.close();
            }
            Action::Aa4 => {
                self.end(Event::Aborted(Cause::ConnectionLost));
                self.close();
            }
            Action::Ar5 | Action::Aa5 => self.close(),
            Action::Aa7 => self.send_abort(AbortSource::Provider(abort_reason(&input))),
            Action::Aa8 => {
                let reason = abort_reason(&input);
                let violation = match input {
                    Input::Violation(violation) => violation,
                    _ => Violation::UnexpectedPdu,
                };
                self.send_abort(AbortSource::Provider(reason));
                self.start_artim(now);
                self.end(Event::Aborted(Cause::Protocol(violation)));
            }
            // AA-6: the PDU is ignored. All others are dealt with above.
            _ => {}
        }
    }

    fn enter(&mut self, state: State, now: Duration) {
        if state != self.state {
            self.state = state;
            self.clocks.state_since = now;
        }
    }

    fn start_artim(&mut self, now: Duration) {
        self.clocks.artim_since = Some(now);
    }

    fn transmit(&mut self, pdu: &Pdu) {
        pdu::write(pdu, &mut self.out);
    }

    /// Only whole PDUs are ever handed out, so what still waits can be dropped for the abort.
    fn send_abort(&mut self, source: AbortSource) {
        self.out.clear();
        self.transmit(&Pdu::Abort(source));
    }

    fn close(&mut self) {
        self.clocks.artim_since = None;
        self.events.push_back(Event::Closed);
    }

    /// A terminal event comes once.
    fn end(&mut self, event: Event) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.events.push_back(event);
        }
    }

    fn confirm_accept(&mut self, input: Input<'_>) {
        if let (Input::Pdu(Pdu::AssociateAc(accept)), Some(request)) = (input, self.request.take()) {
            self.establish(negotiate::as_requestor(&request, accept));
        }
    }

    fn accept_response(&mut self, input: Input<'_>) {
        if let (Input::Answers(answers), Some(request)) = (input, self.request.take()) {
            let (agreed, accept) = negotiate::as_acceptor(&request, answers, &self.limits);
            self.transmit(&Pdu::AssociateAc(accept));
            self.establish(agreed);
        }
    }

    fn establish(&mut self, agreed: negotiate::Negotiated) {
        self.messages = Messages::new(agreed.peer_pdu_bytes_max);
        self.events.push_back(Event::Established(agreed.clone()));
        self.agreed = Some(agreed);
    }

    /// AE-6: what no user could accept is rejected here (PS3.8 §9.3.4).
    fn indicate_request(&mut self, input: Input<'_>, now: Duration) {
        let Input::Pdu(Pdu::AssociateRq(request)) = input else { return };
        self.clocks.artim_since = None;
        if let Some(reason) = unacceptable(&request) {
            self.enter(State::Sta13, now);
            self.transmit(&Pdu::AssociateRj(Rejection { result: RejectResult::Permanent, reason }));
            self.start_artim(now);
            return;
        }
        self.events.push_back(Event::Requested(Proposal {
            called_ae: request.called_ae.clone(),
            calling_ae: request.calling_ae.clone(),
            contexts: request.contexts.clone(),
            roles: request.user.roles.clone(),
            implementation_class: request.user.implementation_class.clone(),
            implementation_version: request.user.implementation_version.clone(),
        }));
        self.request = Some(request);
    }

    fn receive(&mut self, values: DataValues, now: Duration) {
        let Some(agreed) = &self.agreed else { return };
        for value in values {
            if let Err(violation) =
                self.messages.receive(value, agreed, &self.limits, &mut self.events, &mut self.out)
            {
                return self.occur(Evt::InvalidPdu, Input::Violation(violation), now);
            }
        }
    }
}

fn unacceptable(request: &AssociateRq) -> Option<RejectReason> {
    if request.protocol_version & 1 == 0 {
        Some(RejectReason::ProtocolVersionNotSupported)
    } else if request.application_context != APPLICATION_CONTEXT {
        Some(RejectReason::ApplicationContextNotSupported)
    } else {
        None
    }
}

fn abort_reason(input: &Input<'_>) -> AbortReason {
    match input {
        Input::Violation(Violation::Pdu(error)) => error.abort_reason(),
        Input::Violation(Violation::ContextNotAccepted(_) | Violation::UnexpectedFragment) => {
            AbortReason::UnexpectedParameter
        }
        Input::Violation(_) => AbortReason::InvalidParameter,
        _ => AbortReason::UnexpectedPdu,
    }
}
