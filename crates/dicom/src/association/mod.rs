//! An association as a state machine without sockets or clocks (PS3.8 §9.2). A driver is this loop:
//!
//! ```text
//! let mut association = Association::accept(limits, timers, now());           // or ::request(…)
//! loop {
//!     while let Some(event) = association.poll_event() {                       // 1. act: respond, send, a role's handle
//!         if event == Event::Closed { write what poll_transmit still holds; close the socket; return }
//!         …
//!     }
//!     while let Some(bytes) = association.poll_transmit(now()) { socket.write_all(bytes) }        // 2. one write
//!     match first_of(socket.read_buf(&mut input), until(association.poll_timeout())) {            // 3. wait
//!         Read(0) | Failed => association.handle_closed(now()), Read(_) => association.handle_bytes(&mut input, now()),
//!         Timeout => association.handle_timeout(now()) } }
//! ```
//!
//! `input` is one `BytesMut` (reserve 256 KiB before each read; it is used again once the pieces cut from it are
//! dropped). Not reading pushes back on the peer; so read only when all events are dealt with. Bound each write by `timers.idle`: a peer that does not read is gone. A terminal event
//! (`Rejected`, `Released`, `Aborted`) comes once, `Closed` comes last and always. While sending a long data set, give
//! more of it whenever [`Association::wants_data`].

mod act;
mod messages;
mod negotiate;
mod table;
mod timers;

use crate::dimse::{Command, Unanswerable};
use crate::pdu::{self, AbortSource, AssociateRq, Limits, Pdu, PduError, Rejection};
use bytes::{Bytes, BytesMut};
use messages::Messages;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use table::{Evt, State};
use timers::{Awaiting, Clocks};

pub use negotiate::{
    Answer, Context, ContextRequest, Decision, IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, Negotiated,
    Proposal, Request,
};
pub use timers::{Timeout, Timers};

/// While no more than this waits to be written, [`Association::wants_data`].
pub const SEND_QUEUE_BYTES_MAX: usize = 512 * 1024;

/// What happened on an association. `Debug` shows no byte of a data set.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A peer asks for an association: [`Association::respond`].
    Requested(Proposal),
    /// The association is established.
    Established(Negotiated),
    /// The peer refused the association.
    Rejected(Rejection),
    /// A command came.
    Command {
        /// Its presentation context, an accepted one.
        context: u8,
        /// The command.
        command: Command,
        /// Whether `Data` events follow.
        has_data_set: bool,
    },
    /// A piece of the data set of the last command.
    Data {
        /// The command's presentation context.
        context: u8,
        /// The piece.
        bytes: Bytes,
        /// The last one; it may be empty.
        last: bool,
    },
    /// The association ended in good order.
    Released,
    /// The association broke.
    Aborted(Cause),
    /// Nothing more will happen: write what is left and close the socket.
    Closed,
}

/// Why an association broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The peer sent A-ABORT.
    #[error("aborted by the peer ({0:?})")]
    Peer(AbortSource),
    /// The transport connection ended.
    #[error("the connection was lost")]
    ConnectionLost,
    /// The peer did not act in time.
    #[error("timed out: {0:?}")]
    Timeout(Timeout),
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(#[source] Violation),
    /// We aborted.
    #[error("aborted by us")]
    Local,
}

/// How a peer broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A PDU that we cannot take.
    #[error(transparent)]
    Pdu(#[from] PduError),
    /// A PDU that cannot come in this state (PS3.8 Table 9-10).
    #[error("unexpected PDU")]
    UnexpectedPdu,
    /// P-DATA on a presentation context that was not accepted.
    #[error("presentation context {0} was not accepted")]
    ContextNotAccepted(u8),
    /// A fragment that does not go on with the message begun.
    #[error("unexpected fragment of a message")]
    UnexpectedFragment,
    /// A command set beyond the limit.
    #[error("command set too long")]
    CommandTooLong,
    /// A command set that cannot be answered.
    #[error(transparent)]
    Command(#[from] Unanswerable),
    /// A response to no request of ours.
    #[error("response to no request")]
    UnexpectedResponse,
    /// More open requests than was negotiated, by far.
    #[error("too many requests at once")]
    TooManyRequests,
}

/// Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The association is not established, or no longer.
    #[error("the association is not established")]
    NotEstablished,
    /// The presentation context was not accepted.
    #[error("the presentation context was not accepted")]
    ContextNotAccepted,
    /// The data set of the message before is not finished.
    #[error("the data set of the message before is not finished")]
    DataSetUnfinished,
    /// No data set is due on this context.
    #[error("no data set is due on this presentation context")]
    NoDataSetDue,
}

/// An association (PS3.8 §9.2). `Debug` shows its state and nothing that it carries.
pub struct Association {
    state: State,
    is_requestor: bool,
    limits: Limits,
    timers: Timers,
    clocks: Clocks,
    /// The request, ours or the peer's, until it is answered.
    request: Option<AssociateRq>,
    agreed: Option<Negotiated>,
    messages: Messages,
    events: VecDeque<Event>,
    out: BytesMut,
    /// The stream lost its framing: nothing more is read from it.
    is_deaf: bool,
    /// A terminal event was given.
    is_over: bool,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested(proposal) => f.debug_tuple("Requested").field(proposal).finish(),
            Self::Established(agreed) => f.debug_tuple("Established").field(agreed).finish(),
            Self::Rejected(rejection) => f.debug_tuple("Rejected").field(rejection).finish(),
            Self::Command { context, command, has_data_set } => {
                write!(f, "Command({context}, {command:?}, data set: {has_data_set})")
            }
            Self::Data { context, bytes, last } => {
                write!(f, "Data({context}, {} bytes, last: {last})", bytes.len())
            }
            Self::Released => f.write_str("Released"),
            Self::Aborted(cause) => f.debug_tuple("Aborted").field(cause).finish(),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association")
            .field("state", &self.state)
            .field("is_requestor", &self.is_requestor)
            .field("queued_bytes", &self.out.len())
            .finish_non_exhaustive()
    }
}

impl Association {
    /// The requestor's side, over a transport connection that exists. A-ASSOCIATE-RQ is ready to be transmitted.
    pub fn request(request: &Request, limits: Limits, timers: Timers, now: Duration) -> Self {
        let mut association = Self::connecting(request, limits, timers, now);
        association.handle_connected(now);
        association
    }

    /// The requestor's side while the transport connection is being made.
    pub fn connecting(request: &Request, limits: Limits, timers: Timers, now: Duration) -> Self {
        let mut association = Self::idle(true, limits, timers, now);
        association.request = Some(negotiate::request_pdu(request, &limits));
        association.occur(Evt::AssociateRequest, act::Input::Nothing, now);
        association
    }

    /// The transport connection is made.
    pub fn handle_connected(&mut self, now: Duration) {
        self.occur(Evt::TransportConfirm, act::Input::Nothing, now);
    }

    /// The acceptor's side, over a transport connection just accepted.
    pub fn accept(limits: Limits, timers: Timers, now: Duration) -> Self {
        let mut association = Self::idle(false, limits, timers, now);
        association.occur(Evt::TransportIndication, act::Input::Nothing, now);
        association
    }

    fn idle(is_requestor: bool, limits: Limits, timers: Timers, now: Duration) -> Self {
        Self {
            state: State::Sta1,
            is_requestor,
            limits,
            timers,
            clocks: Clocks { artim_since: None, state_since: now, activity: now },
            request: None,
            agreed: None,
            messages: Messages::new(0),
            events: VecDeque::new(),
            out: BytesMut::new(),
            is_deaf: false,
            is_over: false,
        }
    }

    /// Takes all whole PDUs off the front of `input`; what is left is the beginning of the next.
    pub fn handle_bytes(&mut self, input: &mut BytesMut, now: Duration) {
        self.clocks.activity = now;
        while !self.is_deaf && self.state != State::Sta1 {
            match pdu::read(input, &self.limits) {
                Ok(None) => return,
                Ok(Some(pdu)) => self.handle_pdu(pdu, now),
                Err(error) => {
                    self.is_deaf = true;
                    self.occur(Evt::InvalidPdu, act::Input::Violation(error.into()), now);
                }
            }
        }
        input.clear();
    }

    fn handle_pdu(&mut self, pdu: Pdu, now: Duration) {
        let event = match &pdu {
            Pdu::AssociateRq(_) => Evt::RequestPdu,
            Pdu::AssociateAc(_) => Evt::AcceptPdu,
            Pdu::AssociateRj(_) => Evt::RejectPdu,
            Pdu::Data(_) => Evt::DataPdu,
            Pdu::ReleaseRq => Evt::ReleaseRqPdu,
            Pdu::ReleaseRp => Evt::ReleaseRpPdu,
            Pdu::Abort(_) => Evt::AbortPdu,
        };
        self.occur(event, act::Input::Pdu(pdu), now);
    }

    /// The transport connection is closed, or broken.
    pub fn handle_closed(&mut self, now: Duration) {
        self.occur(Evt::TransportClosed, act::Input::Nothing, now);
    }

    /// Time has come to what [`Association::poll_timeout`] said; harmless before.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.deadline() {
            Some((at, Timeout::Artim)) if at <= now => {
                self.occur(Evt::ArtimExpired, act::Input::Nothing, now)
            }
            Some((at, which)) if at <= now => {
                self.occur(Evt::AbortRequest, act::Input::Cause(Cause::Timeout(which)), now);
            }
            _ => {}
        }
    }

    /// When to call [`Association::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.deadline().map(|(at, _)| at)
    }

    fn deadline(&self) -> Option<(Duration, Timeout)> {
        let awaiting = if self.out.is_empty() { self.messages.awaiting() } else { Awaiting::Peer };
        self.clocks.deadline(self.state, awaiting, &self.timers)
    }

    /// What happened since.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// All bytes to be written now: whole PDUs, in one piece.
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Bytes> {
        if self.out.is_empty() {
            return None;
        }
        self.clocks.activity = now;
        Some(self.out.split().freeze())
    }

    /// Answers [`Event::Requested`].
    pub fn respond(&mut self, decision: &Decision, now: Duration) {
        match decision {
            Decision::Accept(answers) => self.occur(Evt::AcceptResponse, act::Input::Answers(answers), now),
            Decision::Reject(rejection) => {
                self.occur(Evt::RejectResponse, act::Input::Rejection(*rejection), now)
            }
        }
    }

    /// Ends the association in good order; [`Event::Released`] follows. A data set half sent cannot be left behind: then
    /// it aborts.
    pub fn release(&mut self, now: Duration) {
        if self.messages.is_sending_data_set() {
            return self.abort(now);
        }
        self.occur(Evt::ReleaseRequest, act::Input::Nothing, now);
    }

    /// Breaks the association off; what waits to be written is dropped.
    pub fn abort(&mut self, now: Duration) {
        self.occur(Evt::AbortRequest, act::Input::Cause(Cause::Local), now);
    }

    /// Sends a message whose data set, if any, is at hand.
    pub fn send(&mut self, context: u8, command: &Command, data_set: Option<&[u8]>) -> Result<(), SendError> {
        self.send_command(context, command, data_set.is_some())?;
        data_set.map_or(Ok(()), |bytes| self.send_data(context, bytes, true))
    }

    /// Sends a command; if it has a data set, [`Association::send_data`] must follow.
    pub fn send_command(
        &mut self,
        context: u8,
        command: &Command,
        has_data_set: bool,
    ) -> Result<(), SendError> {
        self.check_sending(context)?;
        self.messages.send_command(context, command, has_data_set, &mut self.out)
    }

    /// Sends a piece, of any length, of the data set of the last command.
    pub fn send_data(&mut self, context: u8, bytes: &[u8], last: bool) -> Result<(), SendError> {
        self.check_sending(context)?;
        self.messages.send_data(context, bytes, last, &mut self.out)
    }

    /// Whether a data set is being sent and the queue has room for more of it.
    pub fn wants_data(&self) -> bool {
        self.is_established() && self.messages.is_sending_data_set() && self.out.len() < SEND_QUEUE_BYTES_MAX
    }

    /// Bytes waiting for [`Association::poll_transmit`].
    pub fn queued_bytes(&self) -> usize {
        self.out.len()
    }

    /// A message id for a new request of ours.
    pub fn next_message_id(&mut self) -> u16 {
        self.messages.next_message_id()
    }

    /// What was agreed, once established.
    pub fn agreed(&self) -> Option<&Negotiated> {
        self.agreed.as_ref()
    }

    /// Whether messages can be sent.
    pub fn is_established(&self) -> bool {
        self.state == State::Sta6
    }

    /// Whether nothing more will happen.
    pub fn is_closed(&self) -> bool {
        self.state == State::Sta1
    }

    /// Evt9 (PS3.8 Table 9-10): in Sta6, and in Sta8 by AR-7.
    fn check_sending(&self, context: u8) -> Result<(), SendError> {
        table::action(Evt::DataRequest, self.state).ok_or(SendError::NotEstablished)?;
        let agreed = self.agreed.as_ref().ok_or(SendError::NotEstablished)?;
        agreed.context(context).map(drop).ok_or(SendError::ContextNotAccepted)
    }
}

#[cfg(test)]
pub(crate) mod pair;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
