//! The papers of a region: cohort sheets, opt-out lists, and what a hub's configuration says of archives and trusts.

use super::sources::ToldBy;
use super::{Region, Row};
use crate::images::NhsNumberIn;
use crate::pacs::Level;
use std::fmt::Write as _;

/// One run of the national opt-out check, one NHS number a line under a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOut {
    /// The list as submitted.
    pub submitted: String,
    /// The list as returned: without who has opted out.
    pub returned: String,
}

impl Region {
    /// A trust's cohort sheet, CSV. Trusts write their headings and dates in their own ways, all without ambiguity.
    pub fn sheet(&self, ods: &str) -> String {
        let trust = self.trusts.iter().position(|trust| trust.ods == ods).unwrap_or(0);
        let headings = [
            "NHS Number,Hospital Number,Issuer,Date of Birth,Status,Swab Date",
            "NHS No,MRN,Assigning Authority,DOB,Swab Result,Date of Swab",
            "NHS number,PAS number,Issuer of Patient ID,Date of birth,COVID status,Specimen date",
        ];
        let mut sheet = format!("{}\n", headings[trust % headings.len()]);
        for row in self.rows.iter().filter(|row| row.ods == ods) {
            line(&mut sheet, row, trust).ok(); // A String takes all text.
        }
        sheet
    }

    /// The lists submitted to, and returned by, the national opt-out check.
    pub fn opt_out(&self) -> OptOut {
        let mut numbers: Vec<&str> = self.rows.iter().map(|row| row.person.nhs_number.as_str()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let list = |keep: &dyn Fn(&str) -> bool| {
            let kept: Vec<&str> = numbers.iter().copied().filter(|number| keep(number)).collect();
            format!("NHS Number\n{}\n", kept.join("\n"))
        };
        let is_out = |number: &str| self.opted_out.iter().any(|person| person.nhs_number == number);
        OptOut { submitted: list(&|_| true), returned: list(&|number| !is_out(number)) }
    }

    /// The local objections of a trust: NHS numbers under a heading; `None` where nobody objects.
    pub fn objections_of(&self, ods: &str) -> Option<String> {
        let people = self.objections.iter().filter(|(trust, _)| trust == ods);
        let numbers: Vec<&str> = people.map(|(_, person)| person.nhs_number.as_str()).collect();
        (!numbers.is_empty()).then(|| format!("NHS Number\n{}\n", numbers.join("\n")))
    }

    /// The `[[sources]]` and `[[trusts]]` of a hub's configuration, for archives that listen on these ports of this
    /// machine, in the order of `sources`. The hub is called `hub_ae`.
    pub fn hub_sections(&self, ports: &[u16], hub_ae: &str) -> String {
        let mut text = String::new();
        for (at, (source, port)) in self.sources.iter().zip(ports).enumerate() {
            let manners = &source.manners;
            let nhs = match source.nhs_number {
                NhsNumberIn::PatientId => "patient-id",
                NhsNumberIn::OtherPatientIds | NhsNumberIn::OtherPatientIdsSequence => "other-patient-ids",
                NhsNumberIn::Nowhere => "none",
            };
            let retrieve = if manners.get { "auto" } else { "move" };
            let levels: Vec<&str> = manners.levels.iter().map(|level| level_name(*level)).collect();
            let here: Vec<_> = self.trusts.iter().filter(|trust| trust.source == at).collect();
            text += &format!(
                "[[sources]]\nname = {:?}\nae_title = {:?}\nhost = \"127.0.0.1\"\nport = {port}\n",
                source.name, manners.ae_title
            );
            text += &format!(
                "query_levels = {levels:?}\nretrieve = {retrieve:?}\nmove_destination = {hub_ae:?}\n"
            );
            text += &format!("nhs_number_in = {nhs:?}\n");
            // A simulated night is short.
            text += "studies_per_hour = 100000\nassociations_max = 2\ntimeouts = { retry_s = 1 }\n";
            if let Some(title) = &manners.stores_as {
                text += &format!("store_from = [{{ ae_title = {title:?}, host = \"127.0.0.1\" }}]\n");
            }
            if let [only] = here[..] {
                text += &format!("issuer = {:?}\ntrust = {:?}\n\n", only.issuer, only.ods);
                continue;
            }
            text += "attribution = [\n";
            for trust in here {
                let rule = match trust.told_by {
                    ToldBy::Archive | ToldBy::Issuer => format!("issuer_of_patient_id = {:?}", trust.issuer),
                    ToldBy::InstitutionName => format!("institution_name = {:?}", trust.name),
                    ToldBy::AccessionPrefix => format!("accession_prefix = {:?}", trust.ods),
                };
                text += &format!("  {{ trust = {:?}, {rule} }},\n", trust.ods);
            }
            text += "]\n\n";
        }
        for trust in &self.trusts {
            let expires = if trust.agreement_in_force { "2099-12-31" } else { "2020-12-31" };
            text += &format!("[[trusts]]\nods = {:?}\nname = {:?}\n", trust.ods, trust.name);
            for (paper, until) in
                [("legal_basis", "2099-12-31"), ("agreement", expires), ("dpia", "2099-12-31")]
            {
                text += &format!("{paper} = {{ id = \"{paper}-{}\", expires = {until} }}\n", trust.ods);
            }
            text += &format!("contact = \"Information governance, {}\"\n\n", trust.name);
        }
        text
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Study => "study",
        Level::Series => "series",
        Level::Image => "image",
    }
}

fn line(sheet: &mut String, row: &Row, style: usize) -> std::fmt::Result {
    let nhs =
        if style.is_multiple_of(2) { row.person.nhs_number.clone() } else { row.person.nhs_number_spaced() };
    let local = row.person.local_id(&row.issuer).unwrap_or_default();
    let status = match (row.positive, style % 3) {
        (true, 0) => "positive",
        (true, 1) => "1",
        (true, _) => "Detected",
        (false, 0) => "negative",
        (false, 1) => "0",
        (false, _) => "Not detected",
    };
    writeln!(sheet, "{nhs},{local},{},{},{status},{}", row.issuer, row.birth.iso(), row.swab.iso())
}
