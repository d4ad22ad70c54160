//! From PDUs to bytes (PS3.8 §9.3), appended to one buffer so that an answer is one write.

use super::{
    APPLICATION_CONTEXT, AbortReason, AbortSource, AeTitle, ContextRefusal, Pdu, RejectReason, RejectResult,
    Rejection, UserInformation,
};
use bytes::{BufMut, BytesMut};

/// Appends a PDU.
pub fn write(pdu: &Pdu, out: &mut BytesMut) {
    match pdu {
        Pdu::AssociateRq(request) => long(out, 0x01, |out| {
            head(out, request.protocol_version, &request.called_ae, &request.calling_ae);
            item(out, 0x10, |out| out.put_slice(request.application_context.as_bytes()));
            for context in &request.contexts {
                item(out, 0x20, |out| {
                    out.put_slice(&[context.id, 0, 0, 0]);
                    item(out, 0x30, |out| out.put_slice(context.abstract_syntax.as_bytes()));
                    for syntax in &context.transfer_syntaxes {
                        item(out, 0x40, |out| out.put_slice(syntax.as_bytes()));
                    }
                });
            }
            user_information(out, &request.user);
        }),
        Pdu::AssociateAc(accept) => long(out, 0x02, |out| {
            head(out, 1, &accept.called_ae, &accept.calling_ae);
            item(out, 0x10, |out| out.put_slice(APPLICATION_CONTEXT.as_bytes()));
            for context in &accept.contexts {
                item(out, 0x21, |out| {
                    out.put_slice(&[context.id, 0, result_code(&context.result), 0]);
                    // Not significant in a refusal, but some requestors insist on the item.
                    let syntax = context.result.as_deref().unwrap_or("1.2.840.10008.1.2");
                    item(out, 0x40, |out| out.put_slice(syntax.as_bytes()));
                });
            }
            user_information(out, &accept.user);
        }),
        Pdu::AssociateRj(rejection) => short(out, 0x03, rejection_codes(rejection)),
        Pdu::Data(values) => long(out, 0x04, |out| out.put_slice(&values.body)),
        Pdu::ReleaseRq => short(out, 0x05, [0; 3]),
        Pdu::ReleaseRp => short(out, 0x06, [0; 3]),
        Pdu::Abort(source) => short(out, 0x07, abort_codes(*source)),
    }
}

/// The headers of a P-DATA-TF that holds one value of `fragment_bytes` bytes (PS3.8 §9.3.5); the fragment follows.
pub fn data_header(context: u8, is_command: bool, is_last: bool, fragment_bytes: u32) -> [u8; 12] {
    // The PDV header is 6 bytes, 2 of them counted by its own length. Fragments are far below 4 GiB.
    let pdu = (fragment_bytes + 6).to_be_bytes();
    let pdv = (fragment_bytes + 2).to_be_bytes();
    let control = u8::from(is_command) | u8::from(is_last) << 1;
    [0x04, 0, pdu[0], pdu[1], pdu[2], pdu[3], pdv[0], pdv[1], pdv[2], pdv[3], context, control]
}

fn short(out: &mut BytesMut, pdu_type: u8, fields: [u8; 3]) {
    out.put_slice(&[pdu_type, 0, 0, 0, 0, 4, 0]);
    out.put_slice(&fields);
}

fn long(out: &mut BytesMut, pdu_type: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_slice(&[pdu_type, 0, 0, 0, 0, 0]);
    let start = out.len();
    body(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start - 4..start].copy_from_slice(&length.to_be_bytes());
}

/// An item; each is bounded by the number of contexts and the length of a UID, far below 64 KiB.
fn item(out: &mut BytesMut, item_type: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_slice(&[item_type, 0, 0, 0]);
    let start = out.len();
    body(out);
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out[start - 2..start].copy_from_slice(&length.to_be_bytes());
}

fn head(out: &mut BytesMut, protocol_version: u16, called: &AeTitle, calling: &AeTitle) {
    out.put_u16(protocol_version);
    out.put_u16(0);
    out.put_slice(&called.to_wire());
    out.put_slice(&calling.to_wire());
    out.put_bytes(0, 32);
}

fn user_information(out: &mut BytesMut, user: &UserInformation) {
    item(out, 0x50, |out| {
        if let Some(pdu_bytes_max) = user.pdu_bytes_max {
            item(out, 0x51, |out| out.put_u32(pdu_bytes_max));
        }
        item(out, 0x52, |out| out.put_slice(user.implementation_class.as_bytes()));
        for role in &user.roles {
            item(out, 0x54, |out| {
                out.put_u16(u16::try_from(role.sop_class.len()).unwrap_or(u16::MAX));
                out.put_slice(role.sop_class.as_bytes());
                out.put_slice(&[u8::from(role.requestor.scu), u8::from(role.requestor.scp)]);
            });
        }
        if !user.implementation_version.is_empty() {
            item(out, 0x55, |out| out.put_slice(user.implementation_version.as_bytes()));
        }
    });
}

fn result_code(result: &Result<String, ContextRefusal>) -> u8 {
    match result {
        Ok(_) => 0,
        Err(ContextRefusal::User) => 1,
        Err(ContextRefusal::NoReason) => 2,
        Err(ContextRefusal::AbstractSyntaxNotSupported) => 3,
        Err(ContextRefusal::TransferSyntaxesNotSupported) => 4,
    }
}

fn rejection_codes(rejection: &Rejection) -> [u8; 3] {
    let result = match rejection.result {
        RejectResult::Permanent => 1,
        RejectResult::Transient => 2,
    };
    let (source, reason) = match rejection.reason {
        RejectReason::NoReason => (1, 1),
        RejectReason::ApplicationContextNotSupported => (1, 2),
        RejectReason::CallingAeNotRecognised => (1, 3),
        RejectReason::CalledAeNotRecognised => (1, 7),
        RejectReason::ProviderNoReason => (2, 1),
        RejectReason::ProtocolVersionNotSupported => (2, 2),
        RejectReason::TemporaryCongestion => (3, 1),
        RejectReason::LocalLimitExceeded => (3, 2),
        RejectReason::Other { source, reason } => (source, reason),
    };
    [result, source, reason]
}

fn abort_codes(source: AbortSource) -> [u8; 3] {
    match source {
        AbortSource::User => [0, 0, 0],
        AbortSource::Provider(reason) => {
            let reason = match reason {
                AbortReason::NotSpecified => 0,
                AbortReason::UnrecognisedPdu => 1,
                AbortReason::UnexpectedPdu => 2,
                AbortReason::UnrecognisedParameter => 4,
                AbortReason::UnexpectedParameter => 5,
                AbortReason::InvalidParameter => 6,
            };
            [0, 2, reason]
        }
    }
}
