//! Whom do stated identifiers name? Every one of them is looked up: a second identifier may name somebody who objects, or
//! somebody else.

use crate::config::Source;
use crate::context::{Hub, HubError, Served};
use crate::linkage::{Identity, Known, LinkageError};
use crate::patient::Claimed;
use deid::custody::Sensitive;
use deid::identity::PersonKey;

/// The identifiers name two people.
pub const AMBIGUOUS: &str = "identity-ambiguous";
/// They name, beside the person, a handle that a list speaks against.
pub const WITHHELD: &str = "withheld-under-other-id";

/// A person whom an identifier names.
#[derive(Debug, Clone)]
pub struct Named {
    /// Who it is.
    pub known: Known,
    /// Whether it was the NHS number that named them.
    pub by_number: bool,
}

/// Everybody whom the linkage knows by one of the identifiers, the NHS number's person first; each once.
pub async fn named(hub: &Hub, source: &Source, claimed: &Claimed) -> Result<Vec<Named>, LinkageError> {
    let numbers = claimed.nhs_numbers(source).into_iter().map(|n| PersonKey::Nhs(Sensitive::new(n)));
    let local = claimed.local_ids(source).into_iter();
    let keys = numbers.chain(local.map(|(issuer, id)| PersonKey::Local { issuer, id: Sensitive::new(id) }));
    let mut all: Vec<Named> = Vec::new();
    for key in keys {
        let Some(known) = hub.linkage.find(&key, &hub.custody).await? else { continue };
        if all.iter().all(|other| other.known.person != known.person) {
            all.push(Named { known, by_number: matches!(key, PersonKey::Nhs(_)) });
        }
    }
    Ok(all)
}

/// What speaks against taking a claim for this person's, of whom this is known: whom it names besides.
pub async fn objection_to(
    hub: &Hub,
    served: &Served,
    named: &[Named],
    person: &str,
    identity: &Sensitive<Identity>,
    trust: Option<&str>,
) -> Result<Option<&'static str>, HubError> {
    let is_other = |known: &&Known| known.handles.iter().all(|handle| handle != person);
    let mut is_ambiguous = false;
    for other in named.iter().map(|named| &named.known).filter(is_other) {
        if let Some(trust) = trust
            && hub.gates(served).forbids(trust, &other.person).await?
        {
            return Ok(Some(WITHHELD));
        }
        is_ambiguous |= contradict(identity.expose(&hub.custody), other.identity.expose(&hub.custody));
    }
    Ok(is_ambiguous.then_some(AMBIGUOUS))
}

/// Whether two handles cannot be one person. Where nothing contradicts, they may be one that sheets know by different ids.
fn contradict(one: &Identity, other: &Identity) -> bool {
    let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    differ(&one.nhs_number, &other.nhs_number)
        || differ(&one.birth_date, &other.birth_date)
        || differ(&one.sex, &other.sex)
}
