//! DIMSE messages over P-DATA (PS3.7 §6.3, §8; PS3.8 Annex E): fragments in, fragments out, who waits for whom.

use super::negotiate::Negotiated;
use super::timers::Awaiting;
use super::{Event, SendError, Violation};
use crate::dimse::{self, Command, Decoded};
use crate::pdu::{self, DataValue, Limits, PDV_HEADER_BYTES};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;

/// The longest P-DATA-TF that we send, whatever the peer would take.
const SENT_PDU_BYTES_MAX: u32 = 256 * 1024;
/// A smaller maximum than this cannot be meant.
const SENT_PDU_BYTES_MIN: u32 = 128;

/// More requests at once than this come from no well-meaning peer: we negotiate one at a time (PS3.7 §D.3.3.3).
const OPEN_REQUESTS_MAX: usize = 64;

/// The two directions of an established association.
pub(super) struct Messages {
    inbound: Inbound,
    outbound: Outbound,
    /// Requests without a final response, the latest last: it says whose turn it is. Within a C-GET that is the
    /// sub-operation's C-STORE, which runs the other way.
    open: Vec<Open>,
    last_message_id: u16,
    fragment_bytes_max: usize,
}

/// A request without a final response, by message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Ours: the peer has to answer.
    Asked(u16),
    /// The peer's: we have to.
    Owed(u16),
}

enum Inbound {
    /// Between messages.
    Nothing,
    /// Within a command set.
    Command { context: u8, bytes: BytesMut },
    /// Within a data set, which is passed on unless nobody wants it.
    DataSet { context: u8, wanted: bool },
}

enum Outbound {
    /// Between messages.
    Nothing,
    /// Within a data set. What does not fill a fragment waits; so do answers that the association gives by itself.
    DataSet { context: u8, waiting: BytesMut, answers: Vec<(u8, Vec<u8>)> },
}

impl Messages {
    pub(super) fn new(peer_pdu_bytes_max: u32) -> Self {
        let pdu_bytes = match peer_pdu_bytes_max {
            0 => SENT_PDU_BYTES_MAX,
            some => some.clamp(SENT_PDU_BYTES_MIN, SENT_PDU_BYTES_MAX),
        };
        // Fragments are of even length, as the values that they cut are (PS3.5 §7.1.1).
        let fragment_bytes_max = (pdu_bytes as usize - PDV_HEADER_BYTES) & !1;
        Self {
            inbound: Inbound::Nothing,
            outbound: Outbound::Nothing,
            open: Vec::new(),
            last_message_id: 0,
            fragment_bytes_max,
        }
    }

    /// A message id that no open request has.
    pub(super) fn next_message_id(&mut self) -> u16 {
        loop {
            self.last_message_id = self.last_message_id.checked_add(1).unwrap_or(1);
            if !self.open.contains(&Open::Asked(self.last_message_id)) {
                return self.last_message_id;
            }
        }
    }

    pub(super) fn awaiting(&self) -> Awaiting {
        match (&self.inbound, &self.outbound, self.open.last()) {
            (Inbound::Nothing, Outbound::Nothing, Some(Open::Owed(_))) => Awaiting::Ourselves,
            (Inbound::Nothing, Outbound::Nothing, Some(Open::Asked(_))) => Awaiting::Response,
            _ => Awaiting::Peer,
        }
    }

    pub(super) fn is_sending_data_set(&self) -> bool {
        matches!(self.outbound, Outbound::DataSet { .. })
    }

    /// Takes one presentation data value (PS3.8 Annex E.2).
    pub(super) fn receive(
        &mut self,
        value: DataValue,
        agreed: &Negotiated,
        limits: &Limits,
        events: &mut VecDeque<Event>,
        out: &mut BytesMut,
    ) -> Result<(), Violation> {
        if agreed.context(value.context).is_none() {
            return Err(Violation::ContextNotAccepted(value.context));
        }
        match (&mut self.inbound, value.is_command) {
            (Inbound::Nothing, true) if value.is_last => {
                self.command(value.context, &value.bytes, limits, events, out)
            }
            (Inbound::Nothing, true) => {
                self.inbound = Inbound::Command { context: value.context, bytes: BytesMut::new() };
                self.receive(value, agreed, limits, events, out)
            }
            (Inbound::Command { context, bytes }, true) if *context == value.context => {
                if bytes.len() + value.bytes.len() > limits.command_bytes_max as usize {
                    return Err(Violation::CommandTooLong);
                }
                bytes.extend_from_slice(&value.bytes);
                if value.is_last {
                    let whole = std::mem::take(bytes).freeze();
                    self.inbound = Inbound::Nothing;
                    self.command(value.context, &whole, limits, events, out)?;
                }
                Ok(())
            }
            (Inbound::DataSet { context, wanted }, false) if *context == value.context => {
                if *wanted && (value.is_last || !value.bytes.is_empty()) {
                    events.push_back(Event::Data {
                        context: *context,
                        bytes: value.bytes,
                        last: value.is_last,
                    });
                }
                if value.is_last {
                    self.inbound = Inbound::Nothing;
                }
                Ok(())
            }
            _ => Err(Violation::UnexpectedFragment),
        }
    }

    fn command(
        &mut self,
        context: u8,
        bytes: &Bytes,
        limits: &Limits,
        events: &mut VecDeque<Event>,
        out: &mut BytesMut,
    ) -> Result<(), Violation> {
        if bytes.len() > limits.command_bytes_max as usize {
            return Err(Violation::CommandTooLong);
        }
        match dimse::decode(bytes).map_err(Violation::Command)? {
            Decoded::Known(command, has_data_set) => {
                match command.response() {
                    Some(response) => {
                        let asked = Open::Asked(response.responded_to);
                        let at = self.open.iter().rposition(|&open| open == asked);
                        let at = at.ok_or(Violation::UnexpectedResponse)?;
                        if !response.status.is_pending() {
                            self.open.remove(at);
                        }
                    }
                    None if matches!(command, Command::CancelRq { .. }) => {}
                    None if self.open.len() >= OPEN_REQUESTS_MAX => return Err(Violation::TooManyRequests),
                    None => self.open.push(Open::Owed(command.message_id())),
                }
                self.expect_data_set(context, has_data_set, true);
                events.push_back(Event::Command { context, command, has_data_set });
            }
            Decoded::Answer { command_field, message_id, sop_class, status, has_data_set } => {
                let answer = dimse::encode_unrecognised(command_field, message_id, &sop_class, status);
                self.expect_data_set(context, has_data_set, false);
                match &mut self.outbound {
                    Outbound::Nothing => self.put_message(out, context, true, &answer),
                    Outbound::DataSet { answers, .. } => answers.push((context, answer)),
                }
            }
        }
        Ok(())
    }

    fn expect_data_set(&mut self, context: u8, follows: bool, wanted: bool) {
        if follows {
            self.inbound = Inbound::DataSet { context, wanted };
        }
    }

    /// Starts a message.
    pub(super) fn send_command(
        &mut self,
        context: u8,
        command: &Command,
        has_data_set: bool,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        if self.is_sending_data_set() {
            return Err(SendError::DataSetUnfinished);
        }
        match command.response() {
            Some(response) if response.status.is_pending() => {}
            Some(response) => {
                let owed = Open::Owed(response.responded_to);
                if let Some(at) = self.open.iter().rposition(|&open| open == owed) {
                    self.open.remove(at);
                }
            }
            None if matches!(command, Command::CancelRq { .. }) => {}
            None => self.open.push(Open::Asked(command.message_id())),
        }
        self.put_message(out, context, true, &dimse::encode(command, has_data_set));
        if has_data_set {
            self.outbound = Outbound::DataSet { context, waiting: BytesMut::new(), answers: Vec::new() };
        }
        Ok(())
    }

    /// Goes on with a message's data set; fragments are as long as the peer allows, the last one at least a byte.
    pub(super) fn send_data(
        &mut self,
        context: u8,
        mut bytes: &[u8],
        last: bool,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        let fragment_bytes_max = self.fragment_bytes_max;
        let Outbound::DataSet { context: expected, waiting, answers } = &mut self.outbound else {
            return Err(SendError::NoDataSetDue);
        };
        if context != *expected {
            return Err(SendError::NoDataSetDue);
        }
        if !waiting.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(fragment_bytes_max - waiting.len()));
            waiting.extend_from_slice(head);
            bytes = tail;
            if !bytes.is_empty() {
                put_fragment(out, context, false, false, waiting);
                waiting.clear();
            }
        }
        while bytes.len() > fragment_bytes_max {
            let (fragment, rest) = bytes.split_at(fragment_bytes_max);
            put_fragment(out, context, false, false, fragment);
            bytes = rest;
        }
        if !last {
            waiting.extend_from_slice(bytes);
            return Ok(());
        }
        if waiting.is_empty() {
            put_fragment(out, context, false, true, bytes);
        } else {
            put_fragment(out, context, false, true, waiting);
        }
        let answers = std::mem::take(answers);
        self.outbound = Outbound::Nothing;
        for (context, answer) in answers {
            self.put_message(out, context, true, &answer);
        }
        Ok(())
    }

    fn put_message(&self, out: &mut BytesMut, context: u8, is_command: bool, message: &[u8]) {
        let mut fragments = message.chunks(self.fragment_bytes_max).peekable();
        while let Some(fragment) = fragments.next() {
            put_fragment(out, context, is_command, fragments.peek().is_none(), fragment);
        }
    }
}

fn put_fragment(out: &mut BytesMut, context: u8, is_command: bool, is_last: bool, fragment: &[u8]) {
    let length = u32::try_from(fragment.len()).unwrap_or(SENT_PDU_BYTES_MAX);
    out.put_slice(&pdu::data_header(context, is_command, is_last, length));
    out.put_slice(fragment);
}
