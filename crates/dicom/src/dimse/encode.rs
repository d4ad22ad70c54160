//! Command sets to bytes: Implicit VR Little Endian with a group length (PS3.7 §6.3.1).

use super::{Command, Priority, Request, Response, Status, element, field};

/// Appends elements of group 0000 in ascending order.
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn value(&mut self, number: u16, value: &[u8], padding: u8) {
        let padded = value.len() + value.len() % 2;
        self.bytes.extend_from_slice(&0u16.to_le_bytes());
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self.bytes.extend_from_slice(&u32::try_from(padded).unwrap_or(u32::MAX).to_le_bytes());
        self.bytes.extend_from_slice(value);
        if padded > value.len() {
            self.bytes.push(padding);
        }
    }

    fn us(&mut self, number: u16, value: u16) {
        self.value(number, &value.to_le_bytes(), 0);
    }

    fn uid(&mut self, number: u16, uid: &str) {
        if !uid.is_empty() {
            self.value(number, uid.as_bytes(), 0);
        }
    }

    fn text(&mut self, number: u16, text: &str) {
        self.value(number, text.as_bytes(), b' ');
    }

    fn priority(&mut self, priority: Priority) {
        let code = match priority {
            Priority::Medium => 0,
            Priority::High => 1,
            Priority::Low => 2,
        };
        self.us(element::PRIORITY, code);
    }

    fn data_set(&mut self, follows: bool) {
        // Any value but 0101H says that one follows.
        self.us(element::DATA_SET_TYPE, if follows { 0x0001 } else { field::NO_DATA_SET });
    }

    fn finish(mut self) -> Vec<u8> {
        // The group length element is the first 12 bytes; it counts what follows it.
        let length = u32::try_from(self.bytes.len() - 12).unwrap_or(u32::MAX);
        self.bytes[8..12].copy_from_slice(&length.to_le_bytes());
        self.bytes
    }
}

fn start() -> Writer {
    let mut writer = Writer { bytes: Vec::with_capacity(256) };
    writer.value(element::GROUP_LENGTH, &[0; 4], 0);
    writer
}

/// The command set of a message; `has_data_set` says whether a data set follows it.
pub fn encode(command: &Command, has_data_set: bool) -> Vec<u8> {
    let mut out = start();
    match command {
        Command::EchoRq(rq) => {
            out.uid(element::AFFECTED_SOP_CLASS, &rq.sop_class);
            out.us(element::COMMAND_FIELD, field::ECHO_RQ);
            out.us(element::MESSAGE_ID, rq.message_id);
            out.data_set(has_data_set);
        }
        Command::FindRq(rq) => request(&mut out, rq, field::FIND_RQ, has_data_set),
        Command::GetRq(rq) => request(&mut out, rq, field::GET_RQ, has_data_set),
        Command::StoreRq(rq) => {
            out.uid(element::AFFECTED_SOP_CLASS, &rq.sop_class);
            out.us(element::COMMAND_FIELD, field::STORE_RQ);
            out.us(element::MESSAGE_ID, rq.message_id);
            out.priority(rq.priority);
            out.data_set(has_data_set);
            out.uid(element::AFFECTED_SOP_INSTANCE, &rq.sop_instance);
            if let Some(originator) = &rq.move_originator {
                out.text(element::MOVE_ORIGINATOR, &originator.ae);
                out.us(element::MOVE_ORIGINATOR_MESSAGE, originator.message_id);
            }
        }
        Command::MoveRq(rq) => {
            out.uid(element::AFFECTED_SOP_CLASS, &rq.sop_class);
            out.us(element::COMMAND_FIELD, field::MOVE_RQ);
            out.us(element::MESSAGE_ID, rq.message_id);
            out.text(element::MOVE_DESTINATION, &rq.destination);
            out.priority(rq.priority);
            out.data_set(has_data_set);
        }
        Command::CancelRq { responded_to } => {
            out.us(element::COMMAND_FIELD, field::CANCEL_RQ);
            out.us(element::RESPONDED_TO, *responded_to);
            out.data_set(has_data_set);
        }
        Command::EchoRsp(rsp) => response(&mut out, rsp, field::ECHO_RQ, has_data_set),
        Command::StoreRsp(rsp) => response(&mut out, rsp, field::STORE_RQ, has_data_set),
        Command::FindRsp(rsp) => response(&mut out, rsp, field::FIND_RQ, has_data_set),
        Command::GetRsp(rsp) => response(&mut out, rsp, field::GET_RQ, has_data_set),
        Command::MoveRsp(rsp) => response(&mut out, rsp, field::MOVE_RQ, has_data_set),
    }
    out.finish()
}

/// The answer to a request that we do not know or cannot understand: its own command field as a response.
pub fn encode_unrecognised(command_field: u16, message_id: u16, sop_class: &str, status: Status) -> Vec<u8> {
    let mut out = start();
    response(&mut out, &Response::new(message_id, sop_class, status), command_field, false);
    out.finish()
}

fn request(out: &mut Writer, rq: &Request, command_field: u16, has_data_set: bool) {
    out.uid(element::AFFECTED_SOP_CLASS, &rq.sop_class);
    out.us(element::COMMAND_FIELD, command_field);
    out.us(element::MESSAGE_ID, rq.message_id);
    out.priority(rq.priority);
    out.data_set(has_data_set);
}

fn response(out: &mut Writer, rsp: &Response, request_field: u16, has_data_set: bool) {
    out.uid(element::AFFECTED_SOP_CLASS, &rsp.sop_class);
    out.us(element::COMMAND_FIELD, request_field | field::RESPONSE);
    out.us(element::RESPONDED_TO, rsp.responded_to);
    out.data_set(has_data_set);
    out.us(element::STATUS, rsp.status.0);
    if let Some(comment) = &rsp.comment {
        out.text(element::ERROR_COMMENT, comment.reveal());
    }
    out.uid(element::AFFECTED_SOP_INSTANCE, &rsp.sop_instance);
    for (number, count) in [
        (element::REMAINING, rsp.counts.remaining),
        (element::COMPLETED, rsp.counts.completed),
        (element::FAILED, rsp.counts.failed),
        (element::WARNING, rsp.counts.warning),
    ] {
        if let Some(count) = count {
            out.us(number, count);
        }
    }
}
