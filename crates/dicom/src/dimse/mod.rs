//! DIMSE messages (PS3.7): the commands that we send and understand, and their command sets (§6.3, Annex E).

mod decode;
mod encode;
mod status;

use std::fmt;

pub use decode::{Decoded, Unanswerable, decode};
pub use encode::{encode, encode_unrecognised};
pub use status::{Status, StatusClass};

/// A command. What a command set holds beyond these fields is not needed by any of our roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// C-ECHO-RQ (PS3.7 §9.3.5.1).
    EchoRq(Request),
    /// C-ECHO-RSP (§9.3.5.2).
    EchoRsp(Response),
    /// C-STORE-RQ (§9.3.1.1).
    StoreRq(StoreRequest),
    /// C-STORE-RSP (§9.3.1.2).
    StoreRsp(Response),
    /// C-FIND-RQ (§9.3.2.1).
    FindRq(Request),
    /// C-FIND-RSP (§9.3.2.2); a data set follows while it is pending.
    FindRsp(Response),
    /// C-GET-RQ (§9.3.3.1).
    GetRq(Request),
    /// C-GET-RSP (§9.3.3.2).
    GetRsp(Response),
    /// C-MOVE-RQ (§9.3.4.1).
    MoveRq(MoveRequest),
    /// C-MOVE-RSP (§9.3.4.2).
    MoveRsp(Response),
    /// C-CANCEL-RQ (§9.3.2.3).
    CancelRq {
        /// The message to give up.
        responded_to: u16,
    },
}

/// C-ECHO-RQ, C-FIND-RQ, C-GET-RQ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the requestor; the response names it.
    pub message_id: u16,
    /// Affected SOP Class UID.
    pub sop_class: String,
    /// Priority; C-ECHO has none.
    pub priority: Priority,
}

/// C-STORE-RQ.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreRequest {
    /// Chosen by the requestor; the response names it.
    pub message_id: u16,
    /// Affected SOP Class UID.
    pub sop_class: String,
    /// Affected SOP Instance UID.
    pub sop_instance: String,
    /// Priority.
    pub priority: Priority,
    /// Whose C-MOVE caused this one, if the sender says so.
    pub move_originator: Option<MoveOriginator>,
}

/// Move Originator Application Entity Title and Message ID (PS3.7 §9.1.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveOriginator {
    /// Who asked for the C-MOVE.
    pub ae: String,
    /// The message id of that C-MOVE-RQ.
    pub message_id: u16,
}

/// C-MOVE-RQ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRequest {
    /// Chosen by the requestor; the response names it.
    pub message_id: u16,
    /// Affected SOP Class UID.
    pub sop_class: String,
    /// Priority.
    pub priority: Priority,
    /// The AE title that the instances go to.
    pub destination: String,
}

/// Any response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// Message ID Being Responded To.
    pub responded_to: u16,
    /// Affected SOP Class UID, as in the request.
    pub sop_class: String,
    /// Affected SOP Instance UID; C-STORE only, else empty.
    pub sop_instance: String,
    /// Status (PS3.7 Annex C).
    pub status: Status,
    /// Numbers of sub-operations; C-GET and C-MOVE only.
    pub counts: Counts,
    /// What the peer wrote beside a failure.
    pub comment: Option<ErrorComment>,
}

/// Numbers of sub-operations (PS3.7 §9.1.3.1, §9.1.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Still to do; absent in a final response unless cancelled.
    pub remaining: Option<u16>,
    /// Done.
    pub completed: Option<u16>,
    /// Failed.
    pub failed: Option<u16>,
    /// Done, with warnings.
    pub warning: Option<u16>,
}

/// Error Comment (0000,0902). Archives quote identifiers in it, so it prints only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorComment(String);

impl ErrorComment {
    /// A comment of ours.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text. It may name a patient: it must not reach a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ErrorComment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorComment({} bytes)", self.0.len())
    }
}

impl fmt::Debug for StoreRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreRequest")
            .field("message_id", &self.message_id)
            .field("sop_class", &self.sop_class)
            .field("move_originator", &self.move_originator)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("responded_to", &self.responded_to)
            .field("status", &self.status)
            .field("counts", &self.counts)
            .field("comment", &self.comment)
            .finish_non_exhaustive()
    }
}

/// Priority (0000,0700).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// 0002H.
    Low,
    /// 0000H, and anything else.
    #[default]
    Medium,
    /// 0001H.
    High,
}

impl Command {
    /// The message id of a request, or the one that a response or cancel names.
    pub fn message_id(&self) -> u16 {
        match self {
            Self::EchoRq(request) | Self::FindRq(request) | Self::GetRq(request) => request.message_id,
            Self::StoreRq(request) => request.message_id,
            Self::MoveRq(request) => request.message_id,
            Self::CancelRq { responded_to } => *responded_to,
            Self::EchoRsp(response)
            | Self::StoreRsp(response)
            | Self::FindRsp(response)
            | Self::GetRsp(response)
            | Self::MoveRsp(response) => response.responded_to,
        }
    }

    /// The response, if it is one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::EchoRsp(response)
            | Self::StoreRsp(response)
            | Self::FindRsp(response)
            | Self::GetRsp(response)
            | Self::MoveRsp(response) => Some(response),
            _ => None,
        }
    }

    /// The response to this request, with nothing but a status; `None` for responses and C-CANCEL, which has none.
    pub fn answer(&self, status: Status) -> Option<Command> {
        let of = |message_id, sop_class: &str| Response::new(message_id, sop_class, status);
        Some(match self {
            Self::EchoRq(request) => Self::EchoRsp(of(request.message_id, &request.sop_class)),
            Self::FindRq(request) => Self::FindRsp(of(request.message_id, &request.sop_class)),
            Self::GetRq(request) => Self::GetRsp(of(request.message_id, &request.sop_class)),
            Self::MoveRq(request) => Self::MoveRsp(of(request.message_id, &request.sop_class)),
            Self::StoreRq(request) => Self::StoreRsp(Response {
                sop_instance: request.sop_instance.clone(),
                ..of(request.message_id, &request.sop_class)
            }),
            _ => return None,
        })
    }
}

impl Response {
    /// A response with nothing but a status.
    pub fn new(responded_to: u16, sop_class: &str, status: Status) -> Self {
        Self {
            responded_to,
            sop_class: sop_class.to_owned(),
            sop_instance: String::new(),
            status,
            counts: Counts::default(),
            comment: None,
        }
    }
}

/// Command Field (0000,0100), PS3.7 Annex E.
mod field {
    pub(super) const STORE_RQ: u16 = 0x0001;
    pub(super) const GET_RQ: u16 = 0x0010;
    pub(super) const FIND_RQ: u16 = 0x0020;
    pub(super) const MOVE_RQ: u16 = 0x0021;
    pub(super) const ECHO_RQ: u16 = 0x0030;
    pub(super) const CANCEL_RQ: u16 = 0x0FFF;
    /// Set in responses.
    pub(super) const RESPONSE: u16 = 0x8000;
    /// Command Data Set Type (0000,0800) of a message without a data set.
    pub(super) const NO_DATA_SET: u16 = 0x0101;
}

/// Element numbers of group 0000 (PS3.7 Annex E.1).
mod element {
    pub(super) const GROUP_LENGTH: u16 = 0x0000;
    pub(super) const AFFECTED_SOP_CLASS: u16 = 0x0002;
    pub(super) const REQUESTED_SOP_CLASS: u16 = 0x0003;
    pub(super) const COMMAND_FIELD: u16 = 0x0100;
    pub(super) const MESSAGE_ID: u16 = 0x0110;
    pub(super) const RESPONDED_TO: u16 = 0x0120;
    pub(super) const MOVE_DESTINATION: u16 = 0x0600;
    pub(super) const PRIORITY: u16 = 0x0700;
    pub(super) const DATA_SET_TYPE: u16 = 0x0800;
    pub(super) const STATUS: u16 = 0x0900;
    pub(super) const ERROR_COMMENT: u16 = 0x0902;
    pub(super) const AFFECTED_SOP_INSTANCE: u16 = 0x1000;
    pub(super) const REMAINING: u16 = 0x1020;
    pub(super) const COMPLETED: u16 = 0x1021;
    pub(super) const FAILED: u16 = 0x1022;
    pub(super) const WARNING: u16 = 0x1023;
    pub(super) const MOVE_ORIGINATOR: u16 = 0x1030;
    pub(super) const MOVE_ORIGINATOR_MESSAGE: u16 = 0x1031;
}

#[cfg(test)]
mod tests;
