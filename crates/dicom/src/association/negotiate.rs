//! What is proposed, answered and agreed when an association begins (PS3.8 §7.1.1; PS3.7 Annex D).

use crate::pdu::{
    APPLICATION_CONTEXT, AeTitle, AssociateAc, AssociateRq, CONTEXTS_MAX, ContextRefusal, ContextResult,
    Limits, ProposedContext, Rejection, RoleSelection, Roles, UserInformation,
};
use std::collections::BTreeMap;

/// Our implementation, as we name it to peers (PS3.7 §D.3.3.2): UUID-derived (PS3.5 §B.2).
pub const IMPLEMENTATION_CLASS: &str = crate::uid::IMPLEMENTATION_CLASS_UID;
/// Its version, at most 16 characters.
pub const IMPLEMENTATION_VERSION: &str = crate::uid::IMPLEMENTATION_VERSION_NAME;

/// A presentation context that we ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextRequest {
    /// The SOP class.
    pub abstract_syntax: String,
    /// In our order of preference.
    pub transfer_syntaxes: Vec<String>,
    /// Our roles; several contexts of one SOP class share the union of theirs.
    pub roles: Roles,
}

impl ContextRequest {
    /// A context in which we are the SCU.
    pub fn scu(sop_class: &str, transfer_syntaxes: &[&str]) -> Self {
        Self {
            abstract_syntax: sop_class.to_owned(),
            transfer_syntaxes: transfer_syntaxes.iter().map(|&syntax| syntax.to_owned()).collect(),
            roles: Roles::DEFAULT,
        }
    }

    /// A context in which we, the requestor, are the SCP: the sub-operations of C-GET.
    pub fn scp(sop_class: &str, transfer_syntaxes: &[&str]) -> Self {
        Self { roles: Roles::SCP, ..Self::scu(sop_class, transfer_syntaxes) }
    }
}

/// What we ask of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who we are.
    pub calling_ae: AeTitle,
    /// Whom we want.
    pub called_ae: AeTitle,
    /// At most 128; what is beyond is not proposed.
    pub contexts: Vec<ContextRequest>,
}

/// What a peer asks of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Whom it wants.
    pub called_ae: AeTitle,
    /// Who it says it is.
    pub calling_ae: AeTitle,
    /// In its order.
    pub contexts: Vec<ProposedContext>,
    /// The roles that it asked for; where a SOP class is absent, it is the SCU.
    pub roles: Vec<RoleSelection>,
    /// Its Implementation Class UID.
    pub implementation_class: String,
    /// Its Implementation Version Name.
    pub implementation_version: String,
}

impl Proposal {
    /// The roles that the requestor asked for in a SOP class.
    pub fn roles_for(&self, sop_class: &str) -> Roles {
        roles_in(&self.roles, sop_class).unwrap_or(Roles::DEFAULT)
    }

    /// Accepts what `answer` accepts, context by context.
    pub fn accept(&self, mut answer: impl FnMut(&ProposedContext) -> Answer) -> Decision {
        Decision::Accept(self.contexts.iter().map(|context| (context.id, answer(context))).collect())
    }
}

/// Our answer to one proposed context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Accepted in one of the proposed transfer syntaxes.
    Accept {
        /// The transfer syntax.
        transfer_syntax: String,
        /// The roles that the requestor may have; it gets those of them that it asked for.
        roles: Roles,
    },
    /// Refused.
    Refuse(ContextRefusal),
}

/// Our answer to a proposal. No context in common is an acceptance of none, not a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// An answer per context id; a context without one is refused.
    Accept(Vec<(u8, Answer)>),
    /// The association is refused.
    Reject(Rejection),
}

/// An accepted presentation context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its id.
    pub id: u8,
    /// The SOP class.
    pub abstract_syntax: String,
    /// The transfer syntax of all data sets on it.
    pub transfer_syntax: String,
    /// Whether we may send requests of this SOP class.
    pub we_are_scu: bool,
    /// Whether the peer may.
    pub we_are_scp: bool,
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The requestor.
    pub calling_ae: AeTitle,
    /// The acceptor.
    pub called_ae: AeTitle,
    /// The accepted contexts, by id.
    pub contexts: Vec<Context>,
    /// The refused ones: id, SOP class, reason.
    pub refused: Vec<(u8, String, ContextRefusal)>,
    /// The longest P-DATA-TF that the peer takes; 0 = no limit.
    pub peer_pdu_bytes_max: u32,
    /// The peer's Implementation Class UID.
    pub peer_implementation_class: String,
    /// The peer's Implementation Version Name.
    pub peer_implementation_version: String,
}

/// What a peer that names no maximum is sent (it has to name one: PS3.8 §D.1).
const PEER_PDU_BYTES_MAX_UNSAID: u32 = 16 * 1024;

impl Negotiated {
    /// The accepted context of this id.
    pub fn context(&self, id: u8) -> Option<&Context> {
        self.contexts.iter().find(|context| context.id == id)
    }

    /// A context of this SOP class and transfer syntax in which we may send requests.
    pub fn context_for(&self, sop_class: &str, transfer_syntax: &str) -> Option<&Context> {
        self.scu_contexts(sop_class).find(|context| context.transfer_syntax == transfer_syntax)
    }

    /// The contexts of this SOP class in which we may send requests.
    pub fn scu_contexts(&self, sop_class: &str) -> impl Iterator<Item = &Context> {
        self.contexts.iter().filter(move |context| context.we_are_scu && context.abstract_syntax == sop_class)
    }
}

/// Context ids are 1, 3, 5 …, in the order asked.
pub(super) fn request_pdu(request: &Request, limits: &Limits) -> AssociateRq {
    let asked = request.contexts.iter().take(CONTEXTS_MAX);
    let mut roles: BTreeMap<&str, Roles> = BTreeMap::new();
    for context in asked.clone() {
        let union = roles.entry(&context.abstract_syntax).or_insert(Roles { scu: false, scp: false });
        *union = Roles { scu: union.scu | context.roles.scu, scp: union.scp | context.roles.scp };
    }
    AssociateRq {
        protocol_version: 1,
        called_ae: request.called_ae.clone(),
        calling_ae: request.calling_ae.clone(),
        application_context: APPLICATION_CONTEXT.to_owned(),
        contexts: (0u8..)
            .zip(asked)
            .map(|(at, context)| ProposedContext {
                id: 2 * at + 1,
                abstract_syntax: context.abstract_syntax.clone(),
                transfer_syntaxes: context.transfer_syntaxes.clone(),
            })
            .collect(),
        user: user_information(
            limits,
            roles
                .into_iter()
                .filter(|&(_, roles)| roles != Roles::DEFAULT)
                .map(|(sop_class, requestor)| RoleSelection { sop_class: sop_class.to_owned(), requestor })
                .collect(),
        ),
    }
}

/// What the acceptor's answer makes of our proposal. Answers to what we did not propose are passed over.
pub(super) fn as_requestor(asked: &AssociateRq, accept: AssociateAc) -> Negotiated {
    let mut agreed = Negotiated {
        calling_ae: asked.calling_ae.clone(),
        called_ae: asked.called_ae.clone(),
        contexts: Vec::new(),
        refused: Vec::new(),
        peer_pdu_bytes_max: accept.user.pdu_bytes_max.unwrap_or(PEER_PDU_BYTES_MAX_UNSAID),
        peer_implementation_class: accept.user.implementation_class,
        peer_implementation_version: accept.user.implementation_version,
    };
    let answers: BTreeMap<u8, _> =
        accept.contexts.into_iter().map(|context| (context.id, context.result)).collect();
    for proposed in &asked.contexts {
        let refusal = match answers.get(&proposed.id) {
            Some(Ok(syntax)) if proposed.transfer_syntaxes.contains(syntax) => {
                let roles = granted(
                    roles_in(&asked.user.roles, &proposed.abstract_syntax),
                    roles_in(&accept.user.roles, &proposed.abstract_syntax),
                );
                agreed.contexts.push(Context {
                    id: proposed.id,
                    abstract_syntax: proposed.abstract_syntax.clone(),
                    transfer_syntax: syntax.clone(),
                    we_are_scu: roles.scu,
                    we_are_scp: roles.scp,
                });
                continue;
            }
            Some(Ok(_)) => ContextRefusal::TransferSyntaxesNotSupported,
            Some(Err(refusal)) => *refusal,
            None => ContextRefusal::NoReason,
        };
        agreed.refused.push((proposed.id, proposed.abstract_syntax.clone(), refusal));
    }
    agreed
}

/// What our answers make of the peer's proposal, and the PDU that says so.
pub(super) fn as_acceptor(
    asked: &AssociateRq,
    answers: &[(u8, Answer)],
    limits: &Limits,
) -> (Negotiated, AssociateAc) {
    let mut agreed = Negotiated {
        calling_ae: asked.calling_ae.clone(),
        called_ae: asked.called_ae.clone(),
        contexts: Vec::new(),
        refused: Vec::new(),
        peer_pdu_bytes_max: asked.user.pdu_bytes_max.unwrap_or(PEER_PDU_BYTES_MAX_UNSAID),
        peer_implementation_class: asked.user.implementation_class.clone(),
        peer_implementation_version: asked.user.implementation_version.clone(),
    };
    let mut contexts = Vec::new();
    let mut selections: BTreeMap<&str, Roles> = BTreeMap::new();
    for proposed in &asked.contexts {
        let answer = answers.iter().find(|(id, _)| *id == proposed.id).map(|(_, answer)| answer);
        let result = match answer {
            Some(Answer::Accept { transfer_syntax, roles })
                if proposed.transfer_syntaxes.contains(transfer_syntax) =>
            {
                let wanted = roles_in(&asked.user.roles, &proposed.abstract_syntax);
                let requestor = granted(wanted, Some(*roles));
                if wanted.is_some() {
                    selections.insert(&proposed.abstract_syntax, requestor);
                }
                agreed.contexts.push(Context {
                    id: proposed.id,
                    abstract_syntax: proposed.abstract_syntax.clone(),
                    transfer_syntax: transfer_syntax.clone(),
                    we_are_scu: requestor.scp,
                    we_are_scp: requestor.scu,
                });
                Ok(transfer_syntax.clone())
            }
            Some(Answer::Accept { .. }) => Err(ContextRefusal::TransferSyntaxesNotSupported),
            Some(Answer::Refuse(refusal)) => Err(*refusal),
            None => Err(ContextRefusal::NoReason),
        };
        if let Err(refusal) = result {
            agreed.refused.push((proposed.id, proposed.abstract_syntax.clone(), refusal));
        }
        contexts.push(ContextResult { id: proposed.id, result });
    }
    let roles = selections
        .into_iter()
        .map(|(sop_class, requestor)| RoleSelection { sop_class: sop_class.to_owned(), requestor })
        .collect();
    let accept = AssociateAc {
        called_ae: asked.called_ae.clone(),
        calling_ae: asked.calling_ae.clone(),
        contexts,
        user: user_information(limits, roles),
    };
    (agreed, accept)
}

/// PS3.7 §D.3.3.4: what was asked for and granted; without an item on either side, the requestor is the SCU.
fn granted(asked: Option<Roles>, answered: Option<Roles>) -> Roles {
    match (asked, answered) {
        (Some(asked), Some(answered)) => {
            Roles { scu: asked.scu && answered.scu, scp: asked.scp && answered.scp }
        }
        _ => Roles::DEFAULT,
    }
}

fn roles_in(items: &[RoleSelection], sop_class: &str) -> Option<Roles> {
    items.iter().find(|item| item.sop_class == sop_class).map(|item| item.requestor)
}

fn user_information(limits: &Limits, roles: Vec<RoleSelection>) -> UserInformation {
    UserInformation {
        pdu_bytes_max: Some(limits.pdu_bytes_max),
        implementation_class: IMPLEMENTATION_CLASS.to_owned(),
        implementation_version: IMPLEMENTATION_VERSION.to_owned(),
        roles,
    }
}
