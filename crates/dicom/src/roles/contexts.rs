//! Which presentation contexts to propose and to accept (PS3.8 §7.1.1.13; PS3.4 §B.3, §C.5).

use crate::association::{Answer, ContextRequest, Decision, Proposal};
use crate::pdu::{CONTEXTS_MAX, ContextRefusal, ProposedContext, Roles};
use crate::uid::{sop_class, transfer_syntax};
use std::collections::BTreeSet;

use transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN as EXPLICIT, IMPLICIT_VR_LITTLE_ENDIAN as IMPLICIT};

/// What a compressed instance of unknown transfer syntax is likely to be in, likeliest first.
const COMMON_COMPRESSED: [&str; 9] = [
    transfer_syntax::JPEG_LOSSLESS_SV1,
    transfer_syntax::JPEG_2000_LOSSLESS,
    transfer_syntax::JPEG_BASELINE,
    transfer_syntax::RLE_LOSSLESS,
    // JPEG-LS lossless; JPEG 2000; JPEG extended, of twelve bits; JPEG lossless of any predictor; JPEG-LS near-lossless.
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.81",
];

/// Whether this is a Storage SOP class (PS3.4 Annex B.5; some later ones lie elsewhere).
pub fn is_storage_class(sop_class: &str) -> bool {
    const ELSEWHERE: [&str; 3] = [
        // RT Beams Delivery Instruction, and its retired form.
        "1.2.840.10008.5.1.4.34.7",
        "1.2.840.10008.5.1.4.34.1",
        // RT Brachy Application Setup Delivery Instruction.
        "1.2.840.10008.5.1.4.34.10",
    ];
    sop_class.starts_with("1.2.840.10008.5.1.4.1.1.") || ELSEWHERE.contains(&sop_class)
}

/// Accepts Verification, and the storage contexts for which `storage` picks one of the proposed transfer syntaxes.
///
/// A peer that has no context in common is accepted with none: that is the standard's way (PS3.8 §7.1.1.13).
pub fn accept_storage(
    proposal: &Proposal,
    storage: impl for<'a> FnMut(&str, &'a [String]) -> Option<&'a str>,
) -> Decision {
    accept(proposal, &[], storage)
}

/// The same, and the query/retrieve SOP classes in `serves`. Where C-GET is among them, requestors may be the SCP of
/// storage classes.
pub fn accept(
    proposal: &Proposal,
    serves: &[&str],
    mut storage: impl for<'a> FnMut(&str, &'a [String]) -> Option<&'a str>,
) -> Decision {
    let storage_roles = if serves.iter().any(|class| is_get(class)) { Roles::BOTH } else { Roles::DEFAULT };
    proposal.accept(|context: &ProposedContext| {
        let class = context.abstract_syntax.as_str();
        let (picked, roles) = if class == sop_class::VERIFICATION || serves.contains(&class) {
            let picked = [EXPLICIT, IMPLICIT]
                .into_iter()
                .find(|&wanted| context.transfer_syntaxes.iter().any(|syntax| syntax == wanted));
            (picked, Roles::DEFAULT)
        } else {
            (storage(class, &context.transfer_syntaxes), storage_roles)
        };
        match picked {
            Some(syntax) => Answer::Accept { transfer_syntax: syntax.to_owned(), roles },
            None if is_storage_class(class)
                || class == sop_class::VERIFICATION
                || serves.contains(&class) =>
            {
                Answer::Refuse(ContextRefusal::TransferSyntaxesNotSupported)
            }
            None => Answer::Refuse(ContextRefusal::AbstractSyntaxNotSupported),
        }
    })
}

fn is_get(class: &str) -> bool {
    // Patient root and study root GET.
    class == sop_class::STUDY_ROOT_GET || class == "1.2.840.10008.5.1.4.1.2.1.3"
}

/// The contexts for a C-GET of what a C-FIND says is there: SOP classes, each with its transfer syntax if known.
///
/// The first is C-GET itself. Then one context per SOP class and transfer syntax, so that an archive cannot pick
/// another syntax than the one it holds: first what is known, then the uncompressed fallback for every class, then
/// common compressed ones for classes of unknown syntax. What does not fit into 128 is left out from the end.
pub fn contexts_for_get<'a>(
    get_class: &str,
    holdings: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Vec<ContextRequest> {
    let holdings: BTreeSet<(&str, Option<&str>)> = holdings.into_iter().collect();
    let classes: BTreeSet<&str> = holdings.iter().map(|&(class, _)| class).collect();
    let known = holdings.iter().filter_map(|&(class, syntax)| Some((class, syntax?)));
    let explicit = classes.iter().map(|&class| (class, EXPLICIT));
    let implicit = classes.iter().map(|&class| (class, IMPLICIT));
    let guessed = COMMON_COMPRESSED.into_iter().flat_map(|syntax| {
        holdings.iter().filter(|(_, known)| known.is_none()).map(move |&(class, _)| (class, syntax))
    });
    let mut seen = BTreeSet::new();
    let wanted = known.chain(explicit).chain(implicit).chain(guessed).filter(|pair| seen.insert(*pair));
    std::iter::once(ContextRequest::scu(get_class, &[EXPLICIT, IMPLICIT]))
        .chain(wanted.map(|(class, syntax)| ContextRequest::scp(class, &[syntax])))
        .take(CONTEXTS_MAX)
        .collect()
}
