//! Whom do stated identifiers name? Every one of them is looked up: a second identifier may name somebody who objects, or
//! somebody else.

use crate::config::Source;
use crate::context::{Hub, HubError, Served};
use crate::linkage::{Identity, LinkageError, Registered};
use crate::patient::Claimed;
use deid::custody::Sensitive;
use deid::identity::PersonKey;

/// The identifiers name two people.
pub const AMBIGUOUS: &str = "identity-ambiguous";
/// They name, beside the person, a handle that a list speaks against.
pub const WITHHELD: &str = "withheld-under-other-id";

/// A person whom an identifier names.
#[derive(Debug)]
pub struct Named {
    /// As registered.
    pub registered: Registered,
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
        let Some(registered) = hub.linkage.find(&key, &hub.custody).await? else { continue };
        if all.iter().all(|known| known.registered.person != registered.person) {
            all.push(Named { registered, by_number: matches!(key, PersonKey::Nhs(_)) });
        }
    }
    Ok(all)
}

/// What speaks against taking a claim for this person's: whom it names besides.
pub async fn objection_to(
    hub: &Hub,
    served: &Served,
    named: &[Named],
    person: &str,
    trust: Option<&str>,
) -> Result<Option<&'static str>, HubError> {
    let Some(known) = hub.linkage.identity(person).await? else { return Ok(None) };
    let mut is_ambiguous = false;
    for other in named.iter().map(|named| &named.registered.person) {
        if hub.linkage.is_same_person(person, other).await? {
            continue;
        }
        if let Some(trust) = trust
            && hub.gates(served).forbids(trust, other).await?
        {
            return Ok(Some(WITHHELD));
        }
        let Some(another) = hub.linkage.identity(other).await? else { continue };
        is_ambiguous |= contradict(known.expose(&hub.custody), another.expose(&hub.custody));
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
