//! Which archives may be asked for whom, and which trust an object belongs to.

use std::collections::BTreeSet;

use crate::config::{NhsNumberIn, Rule, Source};

/// What an object, or an answer to a query, tells about its origin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// Issuer of Patient ID (0010,0021).
    pub issuer_of_patient_id: Option<&'a str>,
    /// Institution Name (0008,0080).
    pub institution_name: Option<&'a str>,
    /// Institution Code Sequence (0008,0082), Code Value.
    pub institution_code: Option<&'a str>,
    /// Accession Number (0008,0050).
    pub accession: Option<&'a str>,
    /// The AE title that stored it, or Retrieve AE Title (0008,0054).
    pub ae_title: Option<&'a str>,
}

/// Why no trust can be named; the object is held with this code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unattributed {
    /// No rule fits.
    #[error("no attribution rule fits")]
    NoRule,
    /// Rules that fit name different trusts.
    #[error("attribution rules name different trusts")]
    Conflict,
}

impl Unattributed {
    /// The reason code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoRule => "unattributed",
            Self::Conflict => "unattributed-conflict",
        }
    }
}

impl Source {
    /// The trust that controls what comes from `origin`: every rule that fits must name the same one.
    pub fn attribute(&self, origin: &Origin<'_>) -> Result<&str, Unattributed> {
        let trusts: BTreeSet<&str> =
            self.attribution.iter().filter(|r| fits(r, origin)).map(|r| r.trust.as_str()).collect();
        let mut trusts = trusts.into_iter();
        match (trusts.next(), trusts.next()) {
            (Some(trust), None) => Ok(trust),
            (None, _) => Err(Unattributed::NoRule),
            (Some(_), Some(_)) => Err(Unattributed::Conflict),
        }
    }

    /// The trusts whose data may lie here.
    pub fn trusts(&self) -> BTreeSet<&str> {
        self.attribution.iter().map(|r| r.trust.as_str()).collect()
    }

    /// The issuers whose local ids may be asked of this archive: its own, and those that its rules name.
    pub fn issuers(&self) -> BTreeSet<&str> {
        let ruled = self.attribution.iter().filter_map(|r| r.issuer_of_patient_id.as_deref());
        self.issuer.as_deref().into_iter().chain(ruled).collect()
    }

    /// Whether this archive can be asked by NHS number.
    pub fn knows_nhs_numbers(&self) -> bool {
        self.nhs_number_in != NhsNumberIn::None
    }

    /// Whether a local id of that issuer may be asked here. A local id is asked only of its issuer.
    pub fn knows_local_ids_of(&self, issuer: &str) -> bool {
        self.issuers().into_iter().any(|i| same(i, issuer))
    }

    /// Whether an application entity with this calling title may store this archive's objects. The caller compares `host`
    /// (the second value; `None` admits any) with the address that calls.
    pub fn stores_as<'s>(&'s self, calling: &'s str) -> impl Iterator<Item = Option<&'s str>> + 's {
        self.store_from
            .iter()
            .filter(move |p| p.ae_title.as_str() == calling.trim())
            .map(|p| p.host.as_deref())
    }
}

/// The worker to which jobs that talk to an archive are bound, so that a slow archive holds up its own jobs only.
pub fn worker_of(source: &str) -> String {
    format!("archive:{source}")
}

/// The archives where a person may be found: all that know NHS numbers when there is one, and the issuer's for a local id.
pub fn where_to_ask<'s>(
    sources: &'s [Source],
    has_nhs_number: bool,
    issuer: Option<&str>,
) -> Vec<&'s Source> {
    sources
        .iter()
        .filter(|s| {
            (has_nhs_number && s.knows_nhs_numbers()) || issuer.is_some_and(|i| s.knows_local_ids_of(i))
        })
        .collect()
}

fn fits(rule: &Rule, origin: &Origin<'_>) -> bool {
    let equal = |wanted: Option<&str>, found: Option<&str>| {
        wanted.is_none_or(|wanted| found.is_some_and(|found| same(wanted, found)))
    };
    let begins = rule.accession_prefix.as_deref().is_none_or(|prefix| {
        origin.accession.is_some_and(|a| {
            a.trim().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
    });
    begins
        && equal(rule.issuer_of_patient_id.as_deref(), origin.issuer_of_patient_id)
        && equal(rule.institution_name.as_deref(), origin.institution_name)
        && equal(rule.institution_code.as_deref(), origin.institution_code)
        && equal(rule.ae_title.as_ref().map(|t| t.as_str()), origin.ae_title)
}

/// Equal but for case and runs of blanks.
fn same(a: &str, b: &str) -> bool {
    let fold = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    fold(a) == fold(b)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn config() -> Config {
        Config::parse(include_str!("../../../docs/samples/hub.toml"), Path::new("/")).unwrap()
    }

    #[test]
    fn a_shared_archive_tells_its_trusts_apart_by_whatever_it_states() {
        let config = config();
        let regional = config.source("regional").unwrap();
        let told = |origin: Origin<'_>| regional.attribute(&origin).map(str::to_owned);
        assert_eq!(
            told(Origin { issuer_of_patient_id: Some("ra1-pas "), ..Default::default() }),
            Ok("RA1".into())
        );
        assert_eq!(
            told(Origin { institution_name: Some("St  Elsewhere hospital"), ..Default::default() }),
            Ok("RA3".into())
        );
        assert_eq!(told(Origin { accession: Some("RA4-000123"), ..Default::default() }), Ok("RA4".into()));
        assert_eq!(told(Origin { accession: Some("RA"), ..Default::default() }), Err(Unattributed::NoRule));
        assert_eq!(told(Origin { ae_title: Some("CHILDRENS_VNA"), ..Default::default() }), Ok("RA5".into()));
    }

    #[test]
    fn an_object_that_fits_no_rule_or_two_trusts_belongs_to_none() {
        let config = config();
        let regional = config.source("regional").unwrap();
        assert_eq!(regional.attribute(&Origin::default()), Err(Unattributed::NoRule));
        let both = Origin { institution_code: Some("RA2"), accession: Some("RA4X"), ..Default::default() };
        assert_eq!(regional.attribute(&both), Err(Unattributed::Conflict));
    }

    #[test]
    fn an_archive_of_one_trust_needs_no_hint() {
        assert_eq!(config().source("alder").unwrap().attribute(&Origin::default()), Ok("RB1"));
    }

    #[test]
    fn a_local_id_is_asked_only_of_its_issuer() {
        let config = config();
        let names = |nhs, issuer| {
            where_to_ask(&config.sources, nhs, issuer).iter().map(|s| s.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(false, Some("RB5-PAS")), ["hazel"]);
        assert_eq!(names(false, Some("RA1-PAS")), ["regional"]);
        assert!(names(false, Some("ELSEWHERE")).is_empty());
        assert!(!names(true, None).contains(&"hazel".to_owned()), "hazel holds no NHS numbers");
        assert_eq!(names(true, Some("RB5-PAS")).len(), 9);
    }
}
