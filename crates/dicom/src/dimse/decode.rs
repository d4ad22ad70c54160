//! Command sets from bytes (PS3.7 §6.3.1). What can be answered is answered; only what cannot is an error.

use super::{
    Command, Counts, ErrorComment, MoveOriginator, MoveRequest, Priority, Request, Response, Status,
    StoreRequest, element, field,
};

/// What a command set turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// One of ours, and whether a data set follows.
    Known(Command, bool),
    /// A request that we do not serve (DIMSE-N, or later services), or one of ours that lacks what it must have:
    /// the response to send, and whether a data set follows that nobody wants.
    Answer {
        /// The command field of the request.
        command_field: u16,
        /// Its message id.
        message_id: u16,
        /// Its SOP class, if it gave one.
        sop_class: String,
        /// 0211H or 0212H.
        status: Status,
        /// Whether a data set follows.
        has_data_set: bool,
    },
}

/// The command set cannot be answered, so the association has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// It is not a sequence of elements of group 0000.
    #[error("command set is not a sequence of group 0000 elements")]
    NotACommandSet,
    /// It has no Command Field, Message ID or Status, or the wrong length for one.
    #[error("command set lacks element (0000,{0:04X})")]
    Lacks(u16),
    /// A response to something that we never send.
    #[error("response of unknown kind {0:04X}H")]
    UnknownResponse(u16),
}

/// The first 64 KiB of a command set, by element.
struct Elements<'a> {
    bytes: &'a [u8],
}

impl<'a> Elements<'a> {
    fn check(bytes: &'a [u8]) -> Result<Self, Unanswerable> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, _, rest) = next(rest).ok_or(Unanswerable::NotACommandSet)?;
        }
        Ok(Self { bytes })
    }

    fn get(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.bytes;
        while let Some((number, value, after)) = next(rest) {
            if number == wanted {
                return Some(value);
            }
            rest = after;
        }
        None
    }

    fn us(&self, wanted: u16) -> Option<u16> {
        self.get(wanted)?.first_chunk().map(|b| u16::from_le_bytes(*b))
    }

    fn text(&self, wanted: u16) -> Option<String> {
        let text = String::from_utf8_lossy(self.get(wanted)?);
        let text = text.trim_matches(['\0', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Element number, value and what follows; `None` where the bytes are no element of group 0000.
fn next(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[g0, g1, e0, e1, l0, l1, l2, l3], rest) = bytes.split_first_chunk()?;
    if (g0, g1) != (0, 0) {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some((u16::from_le_bytes([e0, e1]), value, rest))
}

/// Reads a whole command set.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Unanswerable> {
    let set = Elements::check(bytes)?;
    let need = |number| set.us(number).ok_or(Unanswerable::Lacks(number));
    let command_field = need(element::COMMAND_FIELD)?;
    let has_data_set = set.us(element::DATA_SET_TYPE).is_some_and(|kind| kind != field::NO_DATA_SET);
    if command_field == field::CANCEL_RQ {
        let responded_to = need(element::RESPONDED_TO)?;
        return Ok(Decoded::Known(Command::CancelRq { responded_to }, has_data_set));
    }
    if command_field & field::RESPONSE != 0 {
        return response(&set, command_field & !field::RESPONSE).map(|rsp| Decoded::Known(rsp, has_data_set));
    }
    let message_id = need(element::MESSAGE_ID)?;
    let sop_class = set.text(element::AFFECTED_SOP_CLASS).or_else(|| set.text(element::REQUESTED_SOP_CLASS));
    let sop_class = sop_class.unwrap_or_default();
    let command = match command_field {
        field::ECHO_RQ => Some(Command::EchoRq(Request {
            message_id,
            sop_class: sop_class.clone(),
            priority: Priority::Medium,
        })),
        field::STORE_RQ | field::FIND_RQ | field::GET_RQ | field::MOVE_RQ => {
            with_data_set(&set, command_field, message_id, &sop_class).filter(|_| has_data_set)
        }
        _ => {
            let status = Status::UNRECOGNISED_OPERATION;
            return Ok(Decoded::Answer { command_field, message_id, sop_class, status, has_data_set });
        }
    };
    Ok(match command {
        Some(command) => Decoded::Known(command, has_data_set),
        None => {
            let status = Status::MISTYPED_ARGUMENT;
            Decoded::Answer { command_field, message_id, sop_class, status, has_data_set }
        }
    })
}

/// The requests that need a SOP class and a data set; `None` where something that they must have is missing.
fn with_data_set(
    set: &Elements<'_>,
    command_field: u16,
    message_id: u16,
    sop_class: &str,
) -> Option<Command> {
    if sop_class.is_empty() {
        return None;
    }
    let sop_class = sop_class.to_owned();
    let priority = match set.us(element::PRIORITY) {
        Some(1) => Priority::High,
        Some(2) => Priority::Low,
        _ => Priority::Medium,
    };
    let request = Request { message_id, sop_class, priority };
    Some(match command_field {
        field::FIND_RQ => Command::FindRq(request),
        field::GET_RQ => Command::GetRq(request),
        field::MOVE_RQ => Command::MoveRq(MoveRequest {
            destination: set.text(element::MOVE_DESTINATION)?,
            message_id,
            sop_class: request.sop_class,
            priority,
        }),
        _ => Command::StoreRq(StoreRequest {
            sop_instance: set.text(element::AFFECTED_SOP_INSTANCE)?,
            move_originator: set.text(element::MOVE_ORIGINATOR).map(|ae| MoveOriginator {
                ae,
                message_id: set.us(element::MOVE_ORIGINATOR_MESSAGE).unwrap_or_default(),
            }),
            message_id,
            sop_class: request.sop_class,
            priority,
        }),
    })
}

fn response(set: &Elements<'_>, request_field: u16) -> Result<Command, Unanswerable> {
    let kind: fn(Response) -> Command = match request_field {
        field::ECHO_RQ => Command::EchoRsp,
        field::STORE_RQ => Command::StoreRsp,
        field::FIND_RQ => Command::FindRsp,
        field::GET_RQ => Command::GetRsp,
        field::MOVE_RQ => Command::MoveRsp,
        other => return Err(Unanswerable::UnknownResponse(other)),
    };
    Ok(kind(Response {
        responded_to: set.us(element::RESPONDED_TO).ok_or(Unanswerable::Lacks(element::RESPONDED_TO))?,
        sop_class: set.text(element::AFFECTED_SOP_CLASS).unwrap_or_default(),
        sop_instance: set.text(element::AFFECTED_SOP_INSTANCE).unwrap_or_default(),
        status: Status(set.us(element::STATUS).ok_or(Unanswerable::Lacks(element::STATUS))?),
        counts: Counts {
            remaining: set.us(element::REMAINING),
            completed: set.us(element::COMPLETED),
            failed: set.us(element::FAILED),
            warning: set.us(element::WARNING),
        },
        comment: set.text(element::ERROR_COMMENT).map(|text| ErrorComment::new(&text)),
    }))
}
