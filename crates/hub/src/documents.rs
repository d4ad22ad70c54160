//! Pages for the people around a hub, made from its configuration so that they cannot disagree with it: one sheet per archive
//! for PACS and firewall teams, and the data flow for the impact assessment. Markdown, no name of any person's data.

use std::fmt::Write;

use crate::config::{Config, Level, NhsNumberIn, Retrieve, Source};
use crate::project::{NationalOptOut, Project, Reach, SecondIdentifier};

/// The one-page sheet for those who look after an archive and the firewall before it.
pub fn source_sheet(config: &Config, source: &Source) -> String {
    let mut page = String::new();
    let out = &mut page;
    line(out, &format!("# {} and the imaging hub {}\n", source.name, config.hub_id));
    line(
        out,
        "The hub asks this archive for the studies of people on agreed lists, receives them over DICOM, and de-identifies",
    );
    line(out, "them before anything leaves the hospitals. This page is made from the hub's configuration.\n");
    connections(out, config, source);
    contexts(out, source);
    manners(out, source);
    line(out, "## To pause\n");
    line(out, &format!("Create the file `{}` on the hub, or run", source.pause_file.display()));
    line(
        out,
        &format!(
            "`tributary hub pause {}`. Nothing more is asked; what has arrived is finished. Removing the file",
            source.name
        ),
    );
    line(out, "resumes. Closing the firewall does no harm either: the hub tries again later.\n");
    line(out, "## Contacts\n");
    for (who, contact) in [("This archive", &source.contact), ("The hub", &config.contact)] {
        line(out, &format!("* {who}: {}", contact.as_deref().unwrap_or("(not recorded)")));
    }
    for trust in config.trusts.iter().filter(|t| source.trusts().contains(t.ods.as_str())) {
        line(
            out,
            &format!(
                "* {} ({}): {}",
                trust.name,
                trust.ods,
                trust.contact.as_deref().unwrap_or("(not recorded)")
            ),
        );
    }
    page
}

fn connections(out: &mut String, config: &Config, source: &Source) {
    let hub = &config.listen;
    let tls = |on: bool| if on { "TLS" } else { "plain DICOM" };
    line(out, "## Connections to allow\n");
    line(out, "| from | to | port | what |\n|---|---|---|---|");
    line(
        out,
        &format!(
            "| hub | {} | {} TCP | C-ECHO, C-FIND and retrieval, {} |",
            source.endpoint.host,
            source.endpoint.port,
            tls(source.tls.is_some())
        ),
    );
    for peer in &source.store_from {
        line(
            out,
            &format!(
                "| {} | hub | {} TCP | C-STORE by AE title `{}`, {} |",
                peer.host.as_deref().unwrap_or("any address with a valid certificate"),
                hub.address.port(),
                peer.ae_title,
                tls(hub.tls.is_some())
            ),
        );
    }
    line(
        out,
        "\nWith C-GET the objects come back on the connection that the hub opened. Nothing else connects to the hub.\n",
    );
    line(out, "## Application entities\n");
    line(out, "| who | AE title |\n|---|---|");
    line(out, &format!("| this archive, asked as | `{}` |", source.ae_title));
    line(out, &format!("| the hub, when it asks | `{}` |", source.calling_ae_title));
    line(
        out,
        &format!(
            "| the hub, as C-MOVE destination | `{}` at port {} |\n",
            source.move_destination,
            hub.address.port()
        ),
    );
}

fn contexts(out: &mut String, source: &Source) {
    line(out, "## Presentation contexts\n");
    line(out, "| the hub is | SOP class | transfer syntaxes |\n|---|---|---|");
    line(out, "| SCU | Verification 1.2.840.10008.1.1 | Implicit and Explicit VR Little Endian |");
    line(
        out,
        "| SCU | Study Root Query/Retrieve – FIND 1.2.840.10008.5.1.4.1.2.2.1 | Implicit and Explicit VR Little Endian |",
    );
    if source.retrieve != Retrieve::Move {
        line(
            out,
            "| SCU | Study Root Query/Retrieve – GET 1.2.840.10008.5.1.4.1.2.2.3, with the storage classes of the study in the SCP role | as stored, one for each context |",
        );
    }
    if source.retrieve != Retrieve::Get {
        line(
            out,
            "| SCU | Study Root Query/Retrieve – MOVE 1.2.840.10008.5.1.4.1.2.2.2 | Implicit and Explicit VR Little Endian |",
        );
    }
    line(
        out,
        "| SCP | Verification, and every storage SOP class | as stored: uncompressed, deflated, JPEG, JPEG-LS, JPEG 2000, RLE and others |\n",
    );
}

fn manners(out: &mut String, source: &Source) {
    let levels: Vec<_> = source
        .query_levels
        .iter()
        .map(|level| match level {
            Level::Study => "STUDY",
            Level::Series => "SERIES",
            Level::Image => "IMAGE",
        })
        .collect();
    let by = match source.nhs_number_in {
        NhsNumberIn::PatientId => "NHS number in Patient ID (0010,0020)",
        NhsNumberIn::OtherPatientIds => "NHS number in Other Patient IDs (0010,1000) or (0010,1002)",
        NhsNumberIn::None => "local patient id only",
    };
    let issuers = source.issuers();
    line(out, "## What the hub asks, and how often\n");
    line(
        out,
        &format!(
            "* C-FIND at {} level by {by}, one person at a time, limited to a range of study dates.",
            levels.join(", ")
        ),
    );
    if !issuers.is_empty() {
        line(
            out,
            &format!(
                "* By local patient id for ids issued by {}.",
                issuers.into_iter().collect::<Vec<_>>().join(", ")
            ),
        );
    }
    line(
        out,
        &format!(
            "* At most {} studies an hour, {} at once.",
            source.studies_per_hour,
            plural(source.associations_max, "association")
        ),
    );
    line(out, &format!("* Asked {}.", source.query_window));
    line(out, "* People whose window has no end are asked for again every night.");
    line(
        out,
        &format!(
            "* It waits {} s for a connection and {} s for an answer, and asks again after {} s, later after longer.\n",
            source.timeouts.connect_s, source.timeouts.answer_s, source.timeouts.retry_s
        ),
    );
}

/// The data-flow page for a data protection impact assessment.
pub fn data_flow(config: &Config, project: &Project) -> String {
    let mut page = String::new();
    let out = &mut page;
    line(out, &format!("# Data flow: {} at the hub {}\n", project.title, config.hub_id));
    line(
        out,
        "```\narchives of the trusts ──DICOM──▶ hub: sealed spool ─▶ de-identify ─▶ verify ─▶ outbox ──HTTPS──▶ national inbox",
    );
    line(
        out,
        "trusts' lists of people ─────────▶ hub: linkage, sealed                       receipts, signed ◀──┘\n```\n",
    );
    line(out, "| step | where | what | identifiable | kept until |\n|---|---|---|---|---|");
    line(
        out,
        "| list of people | hub, linkage database | NHS number or local id, second identifier, arm, date; each column encrypted | yes | the project ends |",
    );
    line(out, "| query | hub ↔ archive | one person at a time, after the checks below | yes | not kept |");
    line(
        out,
        "| receive | hub, spool | DICOM objects, each file encrypted | yes | the national house has acknowledged, or a person rejects |",
    );
    line(
        out,
        &format!(
            "| received unasked | hub, spool | objects of people on no list, encrypted, never sent | yes | {} |",
            plural(project.unrequested_days_max, "day")
        ),
    );
    line(
        out,
        "| de-identify, verify | hub, memory | tags, pixels, clinical rows; then an independent search for what should not be there | yes → no | not kept |",
    );
    line(
        out,
        "| consign, send | outbox → national inbox | de-identified objects and records, signed manifest | no (pseudonymised) | acknowledged |",
    );
    line(
        out,
        "| audit | hub | events by pseudonym or random handle, chained so that a change shows | no | for ever |\n",
    );
    line(
        out,
        "The data sent are **pseudonymised**: the hub alone can lead from a pseudonym back to a person. Dates are shifted by a number of",
    );
    line(out, "days that is fixed for each person and known to the hub only.\n");
    who(out, project);
    checks(out, project);
    line(out, "## Where it goes\n");
    for entry in config
        .projects
        .iter()
        .filter(|e| e.project == project.name || e.project.ends_with(&format!("{}.toml", project.name)))
    {
        line(out, &format!("* National inbox: `{}`, sent {}.", entry.inbox.url, config.transfer));
    }
    line(out, "* Nothing connects in to the hub from outside the hospitals.\n");
    trusts(out, config);
    page
}

fn who(out: &mut String, project: &Project) {
    line(out, "## Whose data, and which\n");
    for arm in &project.arms {
        let reach = |reach: Reach, side: &str| match reach {
            Reach::Days(0) => "the day itself".to_owned(),
            Reach::Days(n) => format!("{} {side}", plural(n, "day")),
            Reach::Years(n) => format!("{} {side}", plural(n, "calendar year")),
            Reach::Open => format!("any time {side}"),
        };
        line(
            out,
            &format!(
                "* **{}**: studies from {} to {} (by the {} date).",
                arm.name,
                reach(arm.before, "before"),
                reach(arm.after, "after"),
                project.anchors[arm.anchor].name
            ),
        );
    }
    let modalities: Vec<_> = project.modalities.keys().map(String::as_str).collect();
    line(
        out,
        &format!(
            "* Modalities {}, of the project's part of the body only; what cannot be told is held for a person.\n",
            modalities.join(", ")
        ),
    );
}

fn checks(out: &mut String, project: &Project) {
    line(out, "## What is checked before anything is asked, and again before anything leaves\n");
    line(out, "* The trust's legal basis, agreement and DPIA are in force on the day.");
    line(
        out,
        &match &project.national_opt_out {
            NationalOptOut::Applies { check_age_days_max } => format!(
                "* The national data opt-out: the person was submitted to the checking service and returned by it, at most {} ago.",
                plural(*check_age_days_max, "day")
            ),
            NationalOptOut::NotNeeded { reason } => {
                format!("* The national data opt-out is not applied, for this recorded reason: {reason}")
            }
        },
    );
    line(out, "* The person has made no objection at the trust.");
    line(
        out,
        &match &project.second_identifier {
            SecondIdentifier::AnyOf(_) => {
                "* A second identifier agrees with the list, at the query and in every object that arrives."
                    .to_owned()
            }
            SecondIdentifier::NotNeeded { reason } => {
                format!("* No second identifier is asked for, for this recorded reason: {reason}")
            }
        },
    );
    line(out, "* The finished object holds none of the person's identifiers, in any encoding.\n");
}

fn trusts(out: &mut String, config: &Config) {
    line(out, "## Trusts and their documents\n");
    line(out, "| trust | ODS | archives | legal basis | agreement | DPIA |\n|---|---|---|---|---|---|");
    for trust in &config.trusts {
        let archives: Vec<_> = config
            .sources
            .iter()
            .filter(|s| s.trusts().contains(trust.ods.as_str()))
            .map(|s| s.name.as_str())
            .collect();
        let document = |d: &Option<crate::config::Document>| {
            d.as_ref().map_or("**none**".to_owned(), |d| format!("{} until {}", d.id, d.expires))
        };
        line(
            out,
            &format!(
                "| {} | {} | {} | {} | {} | {} |",
                trust.name,
                trust.ods,
                archives.join(", "),
                document(&trust.legal_basis),
                document(&trust.agreement),
                document(&trust.dpia)
            ),
        );
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn plural(count: u32, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config() -> Config {
        Config::parse(include_str!("../../../docs/samples/hub.toml"), Path::new("/etc/tributary")).unwrap()
    }

    #[test]
    fn the_sheet_tells_a_firewall_team_every_connection() {
        let config = config();
        let page = source_sheet(&config, config.source("regional").unwrap());
        for said in [
            "| hub | vna.region.example | 11112 TCP |",
            "| 10.20.0.11 | hub | 11112 TCP | C-STORE by AE title `REGION_STORE1`, TLS |",
            "At most 240 studies an hour, 4 associations at once",
            "Asked 19:00 to 07:00 (Europe/London)",
            "/var/lib/tributary/pause/regional",
            "Regional imaging service desk",
        ] {
            assert!(page.contains(said), "{said}\n{page}");
        }
    }

    #[test]
    fn an_archive_that_only_moves_is_not_asked_for_c_get() {
        let config = config();
        let page = source_sheet(&config, config.source("cedar").unwrap());
        assert!(page.contains("MOVE 1.2.840.10008.5.1.4.1.2.2.2") && !page.contains("GET 1.2.840"));
    }

    #[test]
    fn the_data_flow_names_trusts_documents_windows_and_checks() {
        let page = data_flow(&config(), &Project::named("nccid").unwrap());
        for said in [
            "RB8",
            "DSA-RA1 until 2027-03-31",
            "**positive**: studies from 3 calendar years before to any time after (by the swab date)",
            "**negative**: studies from 28 days before to the day itself (by the swab date)",
            "at most 28 days ago",
            "`s3://national-inbox/nccid`, sent 20:00 to 06:00 (Europe/London)",
            "30 days",
        ] {
            assert!(page.contains(said), "{said}\n{page}");
        }
    }
}
