//! Cohort sheets: a trust's list of people, arms and dates becomes rows that can be trusted, and problems that can be mended.
//!
//! CSV (any delimiter, UTF-8, UTF-16 or Windows-1252), XLSX, XLS and ODS. Every problem is told by row, column and code, and
//! never repeats a value; good rows go on whatever stands in the others.

mod agree;
mod dates;
mod grid;
mod headings;
mod list;
mod problem;
mod values;

use chrono::NaiveDate;
use deid::custody::{Custody, Sensitive};
use deid::identity::{NhsNumber, PersonKey};

pub use dates::DateOrder;
pub use headings::Field;
pub use list::{PeopleList, read_people};
pub use problem::{Code, Problem, Unreadable};

use crate::project::{Identifier, Project};

/// How a sheet is to be read.
#[derive(Debug, Clone)]
pub struct Import<'a> {
    /// Arms, anchors and the rule on second identifiers.
    pub project: &'a Project,
    /// Columns named by hand: heading and field. They outweigh what would be recognised.
    pub map: &'a [(String, Field)],
    /// The order of day and month, where the sheet does not write ISO dates.
    pub dates: Option<DateOrder>,
    /// The issuer of local ids, where the sheet has no column for it.
    pub issuer: Option<&'a str>,
    /// The arm of all rows, where the sheet has no column for it.
    pub arm: Option<&'a str>,
    /// The worksheet to read, where there are several.
    pub worksheet: Option<&'a str>,
    /// Numbers that this hub knows to stand for nobody, ten digits each.
    pub placeholders: &'a [String],
    /// The day of the import: no date lies after it.
    pub today: NaiveDate,
    /// Length of the file.
    pub sheet_bytes_max: u64,
    /// Rows below the headings.
    pub sheet_rows_max: u32,
}

/// What a sheet gave.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The rows that go on, in the order of the sheet.
    pub rows: Vec<Row>,
    /// What is to be mended, by row.
    pub problems: Vec<Problem>,
    /// Rows that held anything at all.
    pub rows_read: u32,
}

/// A row that can be trusted.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its number in the sheet, as a spreadsheet program shows it.
    pub number: u32,
    /// NHS number, checked.
    pub nhs_number: Option<Sensitive<NhsNumber>>,
    /// Local id and who issued it.
    pub local_id: Option<LocalId>,
    /// Date of birth.
    pub date_of_birth: Option<Sensitive<NaiveDate>>,
    /// Sex.
    pub sex: Option<Sensitive<Sex>>,
    /// Family name.
    pub family_name: Option<Sensitive<String>>,
    /// The name of the project's arm.
    pub arm: String,
    /// The date that the arm's window hangs on.
    pub anchor: Sensitive<NaiveDate>,
    /// The trust, if the sheet names one; code or name, as written.
    pub trust: Option<String>,
}

/// A local id, which means nothing without its issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalId {
    /// Who issued it.
    pub issuer: String,
    /// The id.
    pub id: Sensitive<String>,
}

/// Sex as DICOM states it: Patient's Sex (0010,0040).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sex {
    /// F
    Female,
    /// M
    Male,
    /// O
    Other,
}

impl Row {
    /// How the person is known, the NHS number first.
    pub fn keys(&self) -> Vec<PersonKey> {
        let nhs = self.nhs_number.clone().map(PersonKey::Nhs);
        let local = self.local_id.clone().map(|LocalId { issuer, id }| PersonKey::Local { issuer, id });
        nhs.into_iter().chain(local).collect()
    }

    /// Which identifiers, beside the one asked with, the row gives.
    pub fn second_identifiers(&self) -> Vec<Identifier> {
        let given = [
            (Identifier::DateOfBirth, self.date_of_birth.is_some()),
            (Identifier::Sex, self.sex.is_some()),
            (Identifier::FamilyName, self.family_name.is_some()),
            (Identifier::LocalId, self.nhs_number.is_some() && self.local_id.is_some()),
        ];
        given.into_iter().filter_map(|(identifier, given)| given.then_some(identifier)).collect()
    }
}

/// Reads a sheet. An error means that nothing could be read at all; all else is told row by row.
pub fn import(bytes: &[u8], import: &Import<'_>, custody: &Custody) -> Result<Sheet, Unreadable> {
    let bounds = grid::Bounds {
        worksheet: import.worksheet,
        bytes_max: import.sheet_bytes_max,
        rows_max: import.sheet_rows_max,
    };
    let tables = grid::read(bytes, bounds)?;
    let (table, columns) = headings::find(&tables, import)?;
    let mut sheet = Sheet::default();
    for line in &table[columns.row + 1..] {
        if line.cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        sheet.rows_read += 1;
        if sheet.rows_read > import.sheet_rows_max {
            return Err(Unreadable::TooManyRows { sheet_rows_max: import.sheet_rows_max });
        }
        match values::row(line, &columns, import) {
            Ok(row) => sheet.rows.push(row),
            Err(problems) => sheet.problems.extend(problems),
        }
    }
    if sheet.rows_read == 0 {
        return Err(Unreadable::NoRows);
    }
    let disagreements = agree::check(&mut sheet.rows, custody);
    sheet.problems.extend(disagreements);
    sheet.problems.sort_by_key(|p| p.row);
    Ok(sheet)
}

#[cfg(test)]
mod tests;
