//! The variable items of A-ASSOCIATE-RQ and -AC (PS3.8 §9.3.2, §9.3.3, Annex D; PS3.7 Annex D.3.3), from bytes.

use super::title::FIELD_BYTES;
use super::{
    AeTitle, AssociateAc, AssociateRq, ContextRefusal, ContextResult, PduError, ProposedContext,
    RoleSelection, Roles, UserInformation,
};

/// What stands before the items: version, reserved, both titles, reserved (PS3.8 Table 9-11).
const FIXED_BYTES: usize = 2 + 2 + 2 * FIELD_BYTES + 32;
/// PS3.5 §9.1.
const UID_CHARS_MAX: usize = 64;
/// PS3.7 §D.3.3.2.
const VERSION_NAME_CHARS_MAX: usize = 16;

pub(super) fn read_request(body: &[u8]) -> Result<AssociateRq, PduError> {
    let (fixed, mut rest) = fixed_part(body, "A-ASSOCIATE-RQ")?;
    let mut request = AssociateRq {
        protocol_version: u16::from_be_bytes([fixed[0], fixed[1]]),
        called_ae: AeTitle::from_wire(&fixed[4..20]),
        calling_ae: AeTitle::from_wire(&fixed[20..36]),
        application_context: String::new(),
        contexts: Vec::new(),
        user: UserInformation::default(),
    };
    while let Some((item_type, item)) = next_item(&mut rest)? {
        match item_type {
            0x10 => request.application_context = uid(item),
            0x20 => request.contexts.push(proposed_context(item)?),
            0x50 => request.user = user_information(item)?,
            _ => {}
        }
    }
    check_ids(request.contexts.iter().map(|context| context.id))?;
    Ok(request)
}

pub(super) fn read_accept(body: &[u8]) -> Result<AssociateAc, PduError> {
    let (fixed, mut rest) = fixed_part(body, "A-ASSOCIATE-AC")?;
    let mut accept = AssociateAc {
        called_ae: AeTitle::from_wire(&fixed[4..20]),
        calling_ae: AeTitle::from_wire(&fixed[20..36]),
        contexts: Vec::new(),
        user: UserInformation::default(),
    };
    while let Some((item_type, item)) = next_item(&mut rest)? {
        match item_type {
            0x21 => accept.contexts.push(context_result(item)?),
            0x50 => accept.user = user_information(item)?,
            _ => {}
        }
    }
    check_ids(accept.contexts.iter().map(|context| context.id))?;
    Ok(accept)
}

fn fixed_part<'a>(body: &'a [u8], pdu: &'static str) -> Result<(&'a [u8; FIXED_BYTES], &'a [u8]), PduError> {
    body.split_first_chunk().ok_or(PduError::Malformed(pdu))
}

/// Type, reserved, length of two bytes, value: the shape of every item and sub-item.
fn next_item<'a>(rest: &mut &'a [u8]) -> Result<Option<(u8, &'a [u8])>, PduError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let Some((&[item_type, _, high, low], after)) = rest.split_first_chunk() else {
        return Err(PduError::Malformed("item header"));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some((item, after)) = after.split_at_checked(length) else {
        return Err(PduError::Malformed("item length"));
    };
    *rest = after;
    Ok(Some((item_type, item)))
}

/// PS3.8 §7.1.1.13: odd, and each once.
fn check_ids(ids: impl Iterator<Item = u8>) -> Result<(), PduError> {
    let mut seen = [false; 256];
    for id in ids {
        if id % 2 == 0 || std::mem::replace(&mut seen[usize::from(id)], true) {
            return Err(PduError::Malformed("presentation context id"));
        }
    }
    Ok(())
}

fn proposed_context(item: &[u8]) -> Result<ProposedContext, PduError> {
    let Some((&[id, ..], mut rest)) = item.split_first_chunk::<4>() else {
        return Err(PduError::Malformed("presentation context item"));
    };
    let mut context = ProposedContext { id, abstract_syntax: String::new(), transfer_syntaxes: Vec::new() };
    while let Some((item_type, value)) = next_item(&mut rest)? {
        match item_type {
            0x30 => context.abstract_syntax = uid(value),
            0x40 => context.transfer_syntaxes.push(uid(value)),
            _ => {}
        }
    }
    Ok(context)
}

/// The transfer syntax of a refused context is not significant, and often absent (PS3.8 §9.3.3.2).
fn context_result(item: &[u8]) -> Result<ContextResult, PduError> {
    let Some((&[id, _, result, _], mut rest)) = item.split_first_chunk() else {
        return Err(PduError::Malformed("presentation context result item"));
    };
    let refusal = match result {
        0 => {
            let mut transfer_syntax = None;
            while let Some((item_type, value)) = next_item(&mut rest)? {
                if item_type == 0x40 && transfer_syntax.is_none() {
                    transfer_syntax = Some(uid(value));
                }
            }
            let transfer_syntax =
                transfer_syntax.ok_or(PduError::Malformed("accepted context without a transfer syntax"))?;
            return Ok(ContextResult { id, result: Ok(transfer_syntax) });
        }
        1 => ContextRefusal::User,
        3 => ContextRefusal::AbstractSyntaxNotSupported,
        4 => ContextRefusal::TransferSyntaxesNotSupported,
        _ => ContextRefusal::NoReason,
    };
    Ok(ContextResult { id, result: Err(refusal) })
}

fn user_information(mut rest: &[u8]) -> Result<UserInformation, PduError> {
    let mut user = UserInformation::default();
    while let Some((item_type, value)) = next_item(&mut rest)? {
        match item_type {
            // Maximum length (PS3.8 §D.1).
            0x51 => {
                let length = value.first_chunk().ok_or(PduError::Malformed("maximum length sub-item"))?;
                user.pdu_bytes_max = Some(u32::from_be_bytes(*length));
            }
            0x52 => user.implementation_class = uid(value),
            // SCP/SCU role selection (PS3.7 §D.3.3.4).
            0x54 => user.roles.push(role_selection(value)?),
            0x55 => user.implementation_version = printable(value, VERSION_NAME_CHARS_MAX),
            // 53H asynchronous operations, 56H and 57H extended negotiation, 58H user identity, and what comes later.
            _ => {}
        }
    }
    Ok(user)
}

fn role_selection(value: &[u8]) -> Result<RoleSelection, PduError> {
    let malformed = PduError::Malformed("role selection sub-item");
    let (length, rest) = value.split_first_chunk().ok_or(malformed)?;
    let (sop_class, roles) =
        rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(malformed)?;
    let &[scu, scp] = roles.first_chunk().ok_or(malformed)?;
    Ok(RoleSelection { sop_class: uid(sop_class), requestor: Roles { scu: scu != 0, scp: scp != 0 } })
}

/// A UID as sent; what cannot stand in one becomes `?`, so it matches nothing and writes nothing odd into a log.
fn uid(value: &[u8]) -> String {
    printable(value, UID_CHARS_MAX)
        .chars()
        .map(|c| if c.is_ascii_digit() || c == '.' { c } else { '?' })
        .collect()
}

fn printable(value: &[u8], chars_max: usize) -> String {
    let value = &value[..value.len().min(chars_max)];
    let text: String =
        value.iter().map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '\0' }).collect();
    text.trim_matches(['\0', ' ']).replace('\0', "?")
}
