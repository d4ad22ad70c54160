//! The nine archives and thirteen trusts, each different. All names and codes are invented.

use crate::encode::Syntax;
use crate::faults::Fault;
use crate::images::{Maker, NhsNumberIn};
use crate::pacs::{Level, Manners};
use crate::people::Script;
use crate::text::Charset;
use std::time::Duration;

/// An archive.
#[derive(Debug, Clone)]
pub struct SourcePlan {
    /// Its name in the hub's configuration.
    pub name: String,
    /// How it behaves.
    pub manners: Manners,
    /// Where it carries the NHS number.
    pub nhs_number: NhsNumberIn,
    /// Faults of its associations.
    pub association_faults: Vec<Fault>,
    /// Faults of its retrievals.
    pub retrieval_faults: Vec<Fault>,
}

/// A trust.
#[derive(Debug, Clone)]
pub struct TrustPlan {
    /// Organisation code.
    pub ods: String,
    /// Name: the submitting centre.
    pub name: String,
    /// The index of its archive.
    pub source: usize,
    /// Who issues its local ids.
    pub issuer: String,
    /// Whether its agreement is in force.
    pub agreement_in_force: bool,
    /// By what a shared archive tells its objects apart.
    pub told_by: ToldBy,
    pub(super) script: Script,
    pub(super) charset: Charset,
    pub(super) maker: Maker,
}

/// What attributes an object to a trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// The archive is this trust's alone.
    Archive,
    /// IssuerOfPatientID.
    Issuer,
    /// InstitutionName.
    InstitutionName,
    /// The beginning of the accession number.
    AccessionPrefix,
}

/// The archives.
pub(super) fn sources() -> Vec<SourcePlan> {
    let plain = |name: &str, title: &str, nhs_number| SourcePlan {
        name: name.into(),
        manners: Manners::plain(title),
        nhs_number,
        association_faults: Vec::new(),
        retrieval_faults: Vec::new(),
    };
    let mut regional = plain("regional", "REGION_WORKLIST", NhsNumberIn::OtherPatientIdsSequence);
    regional.manners.latency = Duration::from_millis(1);
    let mut alder = plain("alder", "ALDER_PACS", NhsNumberIn::PatientId);
    alder.manners.charset = Charset::Utf8;
    let mut birch = plain("birch", "BIRCH_PACS", NhsNumberIn::OtherPatientIds);
    (birch.manners.syntax, birch.manners.get) = (Syntax::ImplicitLittle, false);
    let mut cedar = plain("cedar", "CEDAR_PACS", NhsNumberIn::OtherPatientIdsSequence);
    (cedar.manners.syntax, cedar.manners.charset) = (Syntax::JpegLossless, Charset::Japanese);
    (cedar.manners.get, cedar.manners.stores_as) = (false, Some("CEDAR_STORE".into()));
    let mut elder = plain("elder", "ELDER_PACS", NhsNumberIn::PatientId);
    (elder.manners.syntax, elder.manners.charset) = (Syntax::Deflated, Charset::Korean);
    let mut hazel = plain("hazel", "HAZEL_PACS", NhsNumberIn::PatientId);
    (hazel.manners.syntax, hazel.manners.levels) = (Syntax::Rle, vec![Level::Study, Level::Series]);
    let mut linden = plain("linden", "LINDEN_PACS", NhsNumberIn::PatientId);
    (linden.manners.syntax, linden.manners.charset) = (Syntax::ExplicitBig, Charset::Latin2);
    linden.manners.latency = Duration::from_millis(40);
    let mut rowan = plain("rowan", "ROWAN_PACS", NhsNumberIn::PatientId);
    rowan.manners.charset = Charset::Cyrillic;
    rowan.association_faults = vec![Fault::None, Fault::Refuse];
    rowan.retrieval_faults =
        vec![Fault::AbortInObject(1), Fault::None, Fault::DropAfterBytes(9_000), Fault::FailObject(1)];
    let mut willow = plain("willow", "WILLOW_PACS", NhsNumberIn::Nowhere);
    (willow.manners.syntax, willow.manners.get) = (Syntax::ImplicitLittle, false);
    vec![regional, alder, birch, cedar, elder, hazel, linden, rowan, willow]
}

/// The trusts: five behind the regional worklist, then one for each other archive.
pub(super) fn trusts() -> Vec<TrustPlan> {
    use Maker::{Fuji, Ge, Philips, Siemens};
    use Script::{CentralEuropean, Cyrillic, Japanese, Korean, Plain, WesternEuropean};
    use ToldBy::{AccessionPrefix, Archive, InstitutionName, Issuer};
    [
        ("ZA1", "Northbridge University Hospitals", 0, Issuer, Plain, Charset::Latin1, Siemens),
        ("ZA2", "Eastmoor Teaching Hospitals", 0, Issuer, WesternEuropean, Charset::Latin1, Ge),
        ("ZA3", "St Elsewhere Hospital", 0, InstitutionName, Plain, Charset::Ascii, Philips),
        ("ZA4", "Southwater Hospitals", 0, InstitutionName, Plain, Charset::Latin1, Fuji),
        ("ZA5", "Northbridge Heart and Lung", 0, AccessionPrefix, WesternEuropean, Charset::Utf8, Siemens),
        ("ZB1", "Alder Vale Hospitals", 1, Archive, WesternEuropean, Charset::Utf8, Siemens),
        ("ZB2", "Birch Vale Hospitals", 2, Archive, WesternEuropean, Charset::Latin1, Ge),
        ("ZB3", "Cedar Vale Hospitals", 3, Archive, Japanese, Charset::Japanese, Fuji),
        ("ZB4", "Elder Vale Hospitals", 4, Archive, Korean, Charset::Korean, Philips),
        ("ZB5", "Hazel Vale Hospitals", 5, Archive, Plain, Charset::Ascii, Ge),
        ("ZB6", "Linden Vale Hospitals", 6, Archive, CentralEuropean, Charset::Latin2, Siemens),
        ("ZB7", "Rowan Vale Hospitals", 7, Archive, Cyrillic, Charset::Cyrillic, Philips),
        ("ZB8", "Willow Vale Hospitals", 8, Archive, Plain, Charset::Latin1, Fuji),
    ]
    .map(|(ods, name, source, told_by, script, charset, maker)| TrustPlan {
        ods: ods.into(),
        name: format!("{name} NHS Trust"),
        source,
        issuer: format!("{ods}-PAS"),
        agreement_in_force: ods != "ZA4",
        told_by,
        script,
        charset,
        maker,
    })
    .into()
}
