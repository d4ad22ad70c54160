//! From bytes to PDUs (PS3.8 §9.3.1): framing, length limits, the short PDUs and P-DATA-TF.

use super::{
    AbortReason, AbortSource, DataValue, DataValues, Limits, PDU_HEADER_BYTES, Pdu, RejectReason,
    RejectResult, Rejection, items,
};
use bytes::{Buf, Bytes, BytesMut};

/// Some senders count the PDU and PDV headers when they honour our maximum, some do not.
const HEADER_SLACK_BYTES: u32 = 12;

/// The bytes are not a PDU that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PduError {
    /// PS3.8 §9.3.1 knows types 1 to 7.
    #[error("unrecognised PDU type {0:#04x}")]
    UnknownType(u8),
    /// Longer than the limit for its type.
    #[error("PDU of type {pdu_type:#04x} announces {length_bytes} bytes, more than {bytes_max}")]
    TooLong {
        /// Its type.
        pdu_type: u8,
        /// The length announced.
        length_bytes: u32,
        /// The limit.
        bytes_max: u32,
    },
    /// A field or item does not fit.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

impl PduError {
    /// The reason that an A-ABORT gives for it (PS3.8 Table 9-26).
    pub fn abort_reason(&self) -> AbortReason {
        match self {
            Self::UnknownType(_) => AbortReason::UnrecognisedPdu,
            Self::TooLong { .. } | Self::Malformed(_) => AbortReason::InvalidParameter,
        }
    }
}

/// Takes one whole PDU off the front of `input`; `None` until it is all there.
pub fn read(input: &mut BytesMut, limits: &Limits) -> Result<Option<Pdu>, PduError> {
    let Some(&pdu_type) = input.first() else { return Ok(None) };
    let bytes_max = match pdu_type {
        0x01 | 0x02 => limits.associate_bytes_max,
        0x04 => limits.pdu_bytes_max.saturating_add(HEADER_SLACK_BYTES),
        0x03 | 0x05..=0x07 => 4,
        other => return Err(PduError::UnknownType(other)),
    };
    let Some(length) = input.get(2..PDU_HEADER_BYTES).and_then(|b| b.first_chunk()) else { return Ok(None) };
    let length_bytes = u32::from_be_bytes(*length);
    if length_bytes > bytes_max {
        return Err(PduError::TooLong { pdu_type, length_bytes, bytes_max });
    }
    let whole = PDU_HEADER_BYTES + length_bytes as usize;
    if input.len() < whole {
        return Ok(None);
    }
    let mut body = input.split_to(whole).freeze();
    body.advance(PDU_HEADER_BYTES);
    parse(pdu_type, body).map(Some)
}

fn parse(pdu_type: u8, body: Bytes) -> Result<Pdu, PduError> {
    match pdu_type {
        0x01 => items::read_request(&body).map(Pdu::AssociateRq),
        0x02 => items::read_accept(&body).map(Pdu::AssociateAc),
        0x04 => check_data_values(&body).map(|()| Pdu::Data(DataValues { body })),
        _ => {
            let Some(&[_, second, third, fourth]) = body.first_chunk() else {
                return Err(PduError::Malformed("PDU of four bytes"));
            };
            Ok(match pdu_type {
                0x03 => Pdu::AssociateRj(rejection(second, third, fourth)),
                0x05 => Pdu::ReleaseRq,
                0x06 => Pdu::ReleaseRp,
                _ => Pdu::Abort(abort_source(third, fourth)),
            })
        }
    }
}

/// PS3.8 §9.3.5.1: each value has a length, a context id and at least its message control header.
fn check_data_values(body: &Bytes) -> Result<(), PduError> {
    let mut rest: &[u8] = body;
    if rest.is_empty() {
        return Err(PduError::Malformed("P-DATA-TF without a value"));
    }
    while !rest.is_empty() {
        let Some((length, after)) = rest.split_first_chunk() else {
            return Err(PduError::Malformed("presentation data value length"));
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length < 2 || length > after.len() {
            return Err(PduError::Malformed("presentation data value length"));
        }
        rest = &after[length..];
    }
    Ok(())
}

impl Iterator for DataValues {
    type Item = DataValue;

    fn next(&mut self) -> Option<DataValue> {
        if self.body.len() < super::PDV_HEADER_BYTES {
            return None;
        }
        let length = self.body.get_u32() as usize;
        let mut value = self.body.split_to(length);
        let context = value.get_u8();
        let control = value.get_u8();
        Some(DataValue { context, is_command: control & 1 != 0, is_last: control & 2 != 0, bytes: value })
    }
}

fn rejection(result: u8, source: u8, reason: u8) -> Rejection {
    Rejection {
        result: if result == 1 { RejectResult::Permanent } else { RejectResult::Transient },
        reason: match (source, reason) {
            (1, 1) => RejectReason::NoReason,
            (1, 2) => RejectReason::ApplicationContextNotSupported,
            (1, 3) => RejectReason::CallingAeNotRecognised,
            (1, 7) => RejectReason::CalledAeNotRecognised,
            (2, 1) => RejectReason::ProviderNoReason,
            (2, 2) => RejectReason::ProtocolVersionNotSupported,
            (3, 1) => RejectReason::TemporaryCongestion,
            (3, 2) => RejectReason::LocalLimitExceeded,
            (source, reason) => RejectReason::Other { source, reason },
        },
    }
}

fn abort_source(source: u8, reason: u8) -> AbortSource {
    if source != 2 {
        return AbortSource::User;
    }
    AbortSource::Provider(match reason {
        1 => AbortReason::UnrecognisedPdu,
        2 => AbortReason::UnexpectedPdu,
        4 => AbortReason::UnrecognisedParameter,
        5 => AbortReason::UnexpectedParameter,
        6 => AbortReason::InvalidParameter,
        _ => AbortReason::NotSpecified,
    })
}
