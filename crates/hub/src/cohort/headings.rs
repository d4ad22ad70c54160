//! Which column is which: recognised by the spellings that sheets use, or named by hand.

use super::Import;
use super::grid::{Cell, Line};
use super::problem::Unreadable;
use crate::project::Project;

/// Headings stand within the first rows, below a title perhaps.
const ROWS_LOOKED_AT: usize = 20;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// NHS number (CHI number in Scotland, H&C number in Northern Ireland: all Modulus 11).
    NhsNumber,
    /// Local id.
    LocalId,
    /// Merely `ID`: a local id if an issuer is named for the sheet, else an NHS number.
    Id,
    /// Issuer of the local id.
    Issuer,
    /// Date of birth.
    DateOfBirth,
    /// Sex.
    Sex,
    /// Family name.
    FamilyName,
    /// Arm.
    Arm,
    /// The trust.
    Trust,
    /// An anchor date of the project, by its name.
    Anchor(String),
}

/// Field names as `--map` writes them, and the headings that are recognised (letters and digits only, any case).
const FIELDS: [(&str, Field, &[&str]); 9] = [
    (
        "nhs-number",
        Field::NhsNumber,
        &[
            "nhsnumber",
            "nhsno",
            "nhsnum",
            "nhs",
            "nnn",
            "newnhsnumber",
            "newnhsno",
            "nhsnumberformatted",
            "patientnhsnumber",
            "nhsid",
            "nhsidentifier",
            "chi",
            "chinumber",
            "chino",
            "hcnumber",
            "hcn",
            "healthandcarenumber",
        ],
    ),
    (
        "local-id",
        Field::LocalId,
        &[
            "localid",
            "localpatientid",
            "localpatientidentifier",
            "hospitalnumber",
            "hospitalno",
            "hospnumber",
            "hospno",
            "hospitalid",
            "mrn",
            "medicalrecordnumber",
            "pasid",
            "pasnumber",
            "pasno",
            "patientid",
            "patientnumber",
            "unitnumber",
            "unitno",
            "districtnumber",
            "districtno",
            "casenotenumber",
            "rnumber",
            "knumber",
            "pid",
        ],
    ),
    ("id", Field::Id, &["id", "identifier", "patientidentifier"]),
    (
        "issuer",
        Field::Issuer,
        &[
            "issuer",
            "issuerofpatientid",
            "assigningauthority",
            "localidissuer",
            "idissuer",
            "hospitalnumberissuer",
        ],
    ),
    (
        "date-of-birth",
        Field::DateOfBirth,
        &["dateofbirth", "dob", "birthdate", "patientdob", "patientbirthdate", "born"],
    ),
    ("sex", Field::Sex, &["sex", "gender", "patientsex"]),
    ("family-name", Field::FamilyName, &["familyname", "surname", "lastname", "patientsurname"]),
    (
        "arm",
        Field::Arm,
        &[
            "arm",
            "status",
            "result",
            "swabstatus",
            "swabresult",
            "pcrresult",
            "rtpcrresult",
            "testresult",
            "covidstatus",
            "covid19status",
            "covid",
            "group",
            "cohort",
            "cohortgroup",
            "studyarm",
        ],
    ),
    (
        "trust",
        Field::Trust,
        &[
            "trust",
            "trustcode",
            "odscode",
            "ods",
            "trustodscode",
            "submittingcentre",
            "submittingcenter",
            "centre",
            "site",
            "organisation",
            "organisationcode",
            "nhstrust",
        ],
    ),
];

impl Field {
    /// The field that `--map "Heading=name"` names: one of the fixed ones, or an anchor of the project.
    pub fn named(name: &str, project: &Project) -> Option<Self> {
        let fixed = FIELDS.iter().find(|(n, ..)| *n == name).map(|(_, field, _)| field.clone());
        fixed.or_else(|| {
            project.anchors.iter().find(|a| a.name == name).map(|a| Field::Anchor(a.name.clone()))
        })
    }

    /// Every name that `--map` understands.
    pub fn names(project: &Project) -> Vec<String> {
        FIELDS
            .iter()
            .map(|(n, ..)| (*n).to_owned())
            .chain(project.anchors.iter().map(|a| a.name.clone()))
            .collect()
    }

    fn name(&self) -> String {
        match self {
            Self::Anchor(name) => name.clone(),
            fixed => FIELDS.iter().find(|(_, f, _)| f == fixed).map_or("", |(n, ..)| n).to_owned(),
        }
    }
}

/// The columns of a sheet.
pub(super) struct Columns {
    /// Where the headings stand, as an index into the table.
    pub(super) row: usize,
    found: Vec<Column>,
}

struct Column {
    field: Field,
    at: usize,
    heading: String,
}

impl Columns {
    /// A list without headings: NHS numbers in the first column.
    pub(super) fn first_is_nhs_number() -> Self {
        Self { row: 0, found: vec![Column { field: Field::NhsNumber, at: 0, heading: "first".into() }] }
    }

    /// Cell and heading of a field; an absent column is an empty cell.
    pub(super) fn cell<'l>(&self, line: &'l Line, field: &Field) -> &'l Cell {
        self.column(field).map_or(&Cell::Empty, |c| line.cell(c.at))
    }

    pub(super) fn heading(&self, field: &Field) -> Option<String> {
        self.column(field).map(|c| c.heading.clone())
    }

    fn column(&self, field: &Field) -> Option<&Column> {
        self.found.iter().find(|c| c.field == *field)
    }

    fn has(&self, field: &Field) -> bool {
        self.column(field).is_some()
    }
}

/// The table with headings, and its columns.
pub(super) fn find<'t>(
    tables: &'t [Vec<Line>],
    import: &Import<'_>,
) -> Result<(&'t [Line], Columns), Unreadable> {
    if let Some(arm) = import.arm
        && import.project.arm(arm).is_none()
    {
        let arms: Vec<_> = import.project.arms.iter().map(|a| a.name.as_str()).collect();
        return Err(Unreadable::NoSuchArm { arms: arms.join(", ") });
    }
    let mut candidates = Vec::new();
    for table in tables {
        for (row, line) in table.iter().take(ROWS_LOOKED_AT).enumerate() {
            let columns = recognise(line, row, import)?;
            if suffices(&columns, import) {
                candidates.push((table.as_slice(), columns));
                break;
            }
        }
    }
    if candidates.len() > 1 {
        return Err(Unreadable::SeveralWorksheets { count: candidates.len() });
    }
    let (table, columns) = candidates.pop().ok_or_else(|| no_headings(tables, import))?;
    match import
        .map
        .iter()
        .find(|(heading, _)| !columns.found.iter().any(|c| plain(&c.heading) == plain(heading)))
    {
        Some((heading, _)) => Err(Unreadable::NoSuchColumn { heading: heading.clone() }),
        None => Ok((table, columns)),
    }
}

fn recognise(line: &Line, row: usize, import: &Import<'_>) -> Result<Columns, Unreadable> {
    let mut columns = Columns { row, found: Vec::new() };
    for (at, cell) in line.cells.iter().enumerate() {
        let Cell::Text(heading) = cell else { continue };
        let heading = heading.trim();
        let by_hand = import.map.iter().find(|(h, _)| plain(h) == plain(heading)).map(|(_, f)| f.clone());
        let Some(field) = by_hand.clone().or_else(|| recognised(heading, import.project)) else {
            continue;
        };
        // A field that is named by hand is not also recognised in another column.
        if by_hand.is_none() && import.map.iter().any(|(_, f)| *f == field) {
            continue;
        }
        if let Some(first) = columns.column(&field) {
            return Err(Unreadable::TwoColumns {
                field: field.name(),
                first: first.heading.clone(),
                second: heading.to_owned(),
            });
        }
        columns.found.push(Column { field, at, heading: heading.to_owned() });
    }
    Ok(columns)
}

fn recognised(heading: &str, project: &Project) -> Option<Field> {
    let anchor = project.anchors.iter().find(|a| a.headings.iter().any(|h| plain(h) == plain(heading)));
    anchor.map(|a| Field::Anchor(a.name.clone())).or_else(|| fixed(heading))
}

/// The field that a heading names, whatever the project.
fn fixed(heading: &str) -> Option<Field> {
    let heading = plain(heading);
    FIELDS.iter().find(|(_, _, known)| known.contains(&heading.as_str())).map(|(_, field, _)| field.clone())
}

/// The columns of a line of headings in a list that only names people.
pub(super) fn of_people(line: &Line) -> Option<Columns> {
    let mut found: Vec<Column> = Vec::new();
    for (at, cell) in line.cells.iter().enumerate() {
        if let Cell::Text(heading) = cell
            && let Some(field) = fixed(heading)
            && found.iter().all(|c| c.field != field)
        {
            found.push(Column { field, at, heading: heading.trim().to_owned() });
        }
    }
    let named = found.iter().any(|c| matches!(c.field, Field::NhsNumber | Field::LocalId | Field::Id));
    named.then_some(Columns { row: 0, found })
}

/// Headings are headings if they give an identity, an arm (unless one is given for all) and an anchor date.
fn suffices(columns: &Columns, import: &Import<'_>) -> bool {
    let identity = [Field::NhsNumber, Field::LocalId, Field::Id].iter().any(|f| columns.has(f));
    let arm = import.arm.is_some() || columns.has(&Field::Arm);
    let anchor = import.project.anchors.iter().any(|a| columns.has(&Field::Anchor(a.name.clone())));
    identity && arm && anchor
}

fn no_headings(tables: &[Vec<Line>], import: &Import<'_>) -> Unreadable {
    let anchors: Vec<_> = import.project.anchors.iter().map(|a| a.name.as_str()).collect();
    let arm = if import.arm.is_some() { "" } else { "the arm, and one for " };
    Unreadable::NoHeadings {
        rows_looked_at: tables.iter().map(|t| t.len().min(ROWS_LOOKED_AT)).max().unwrap_or(0),
        needed: format!("{arm}the date ({})", anchors.join(" or ")),
    }
}

/// Letters and digits only, lower case.
fn plain(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
