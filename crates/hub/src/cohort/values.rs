//! One line of a sheet becomes a row, or the list of all that is wrong with it.

use chrono::{Datelike, NaiveDate};
use deid::custody::Sensitive;
use deid::identity::{InvalidNhsNumber, NhsNumber, is_nobodys};

use super::dates;
use super::grid::{Cell, Line};
use super::headings::{Columns, Field};
use super::problem::{Code, Problem};
use super::{Import, LocalId, Row, Sex};
use crate::project::SecondIdentifier;

/// LO, the value representation of Patient ID, holds 64 characters (PS3.5 §6.2).
const LOCAL_ID_CHARACTERS_MAX: usize = 64;
const AGE_YEARS_MAX: i32 = 130;

/// Reads one line with what the sheet and the import say of it.
struct Reading<'a> {
    line: &'a Line,
    columns: &'a Columns,
    import: &'a Import<'a>,
    problems: Vec<Problem>,
}

/// The row, or its problems.
pub(super) fn row(line: &Line, columns: &Columns, import: &Import<'_>) -> Result<Row, Vec<Problem>> {
    let mut reading = Reading { line, columns, import, problems: Vec::new() };
    let id_is_local = import.issuer.is_some();
    let nhs_number = reading
        .nhs_number(&Field::NhsNumber)
        .or_else(|| if id_is_local { None } else { reading.nhs_number(&Field::Id) });
    let local_id = reading
        .local_id(&Field::LocalId)
        .or_else(|| if id_is_local { reading.local_id(&Field::Id) } else { None });
    if nhs_number.is_none() && local_id.is_none() && reading.problems.is_empty() {
        reading.note(None, Code::NoIdentity);
    }
    let date_of_birth = reading.date(&Field::DateOfBirth);
    let sex = reading.sex();
    let family_name = reading.text(&Field::FamilyName).map(Sensitive::new);
    let trust = reading.text(&Field::Trust);
    let dated_arm = reading.arm();
    if let (Some(birth), Some((_, anchor))) = (date_of_birth, dated_arm.as_ref())
        && (birth > *anchor || import.today.year() - birth.year() > AGE_YEARS_MAX)
    {
        reading.note(Some(&Field::DateOfBirth), Code::DateImplausible);
    }
    let Some((arm, anchor)) = dated_arm else {
        return Err(reading.problems);
    };
    let row = Row {
        number: line.number,
        nhs_number: nhs_number.map(Sensitive::new),
        local_id,
        date_of_birth: date_of_birth.map(Sensitive::new),
        sex: sex.map(Sensitive::new),
        family_name,
        arm,
        anchor: Sensitive::new(anchor),
        trust,
    };
    reading.second_identifier(&row);
    if reading.problems.is_empty() { Ok(row) } else { Err(reading.problems) }
}

impl Reading<'_> {
    fn note(&mut self, field: Option<&Field>, code: Code) {
        let column = field.and_then(|f| self.columns.heading(f));
        self.problems.push(Problem { row: self.line.number, column, code, other_rows: Vec::new() });
    }

    fn cell(&self, field: &Field) -> &Cell {
        self.columns.cell(self.line, field)
    }

    /// A value, or a note of what is wrong with it.
    fn keep<T>(&mut self, field: &Field, read: Result<Option<T>, Code>) -> Option<T> {
        read.unwrap_or_else(|code| {
            self.note(Some(field), code);
            None
        })
    }

    fn nhs_number(&mut self, field: &Field) -> Option<NhsNumber> {
        let read = nhs_number(self.cell(field), self.import.placeholders);
        self.keep(field, read)
    }

    fn local_id(&mut self, field: &Field) -> Option<LocalId> {
        let read = local_id(self.cell(field));
        let id = self.keep(field, read)?;
        let issuer = self.text(&Field::Issuer).or_else(|| self.import.issuer.map(str::to_owned));
        let Some(issuer) = issuer else {
            self.note(Some(field), Code::IssuerMissing);
            return None;
        };
        Some(LocalId { issuer, id: Sensitive::new(id) })
    }

    fn date(&mut self, field: &Field) -> Option<NaiveDate> {
        let read = dates::date(self.cell(field), self.import.dates);
        let date = self.keep(field, read)?;
        let too_old = self.import.today.year() - date.year() > AGE_YEARS_MAX;
        let code = if date > self.import.today { Code::DateInFuture } else { Code::DateImplausible };
        if date > self.import.today || too_old {
            self.note(Some(field), code);
            return None;
        }
        Some(date)
    }

    fn sex(&mut self) -> Option<Sex> {
        let read = match self.text(&Field::Sex).map(|t| t.to_lowercase()).as_deref() {
            None | Some("u" | "unknown" | "not known" | "not specified") => Ok(None),
            Some("f" | "female" | "woman" | "girl") => Ok(Some(Sex::Female)),
            Some("m" | "male" | "man" | "boy") => Ok(Some(Sex::Male)),
            Some("o" | "other" | "indeterminate") => Ok(Some(Sex::Other)),
            Some(_) => Err(Code::SexUnreadable),
        };
        self.keep(&Field::Sex, read)
    }

    /// The arm, and the date in the column of that arm's anchor.
    fn arm(&mut self) -> Option<(String, NaiveDate)> {
        let project = self.import.project;
        let arm = match (self.import.arm, self.text(&Field::Arm)) {
            (Some(name), _) => project.arm(name),
            (None, Some(value)) => match project.arm_of_sheet_value(&value) {
                Some(arm) => Some(arm),
                None => {
                    self.note(Some(&Field::Arm), Code::ArmUnknown);
                    None
                }
            },
            (None, None) => {
                self.note(Some(&Field::Arm), Code::ArmMissing);
                None
            }
        };
        let Some(arm) = arm else {
            // The dates are looked at all the same, so that one reading tells all there is to mend.
            for anchor in &project.anchors {
                self.date(&Field::Anchor(anchor.name.clone()));
            }
            return None;
        };
        let field = Field::Anchor(project.anchors[arm.anchor].name.clone());
        let problems_before = self.problems.len();
        let Some(date) = self.date(&field) else {
            if self.problems.len() == problems_before {
                self.note(Some(&field), Code::DateMissing);
            }
            return None;
        };
        Some((arm.name.clone(), date))
    }

    /// Asked of rows that are good otherwise: a birth date that could not be read has been told already.
    fn second_identifier(&mut self, row: &Row) {
        if let SecondIdentifier::AnyOf(accepted) = &self.import.project.second_identifier
            && self.problems.is_empty()
            && !row.second_identifiers().iter().any(|given| accepted.contains(given))
        {
            self.note(None, Code::SecondIdentifierMissing);
        }
    }

    fn text(&self, field: &Field) -> Option<String> {
        text(self.cell(field))
    }
}

/// A cell as plain text, its blanks tidied; `None` if it is empty.
pub(super) fn text(cell: &Cell) -> Option<String> {
    let text = match cell {
        Cell::Text(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Cell::Number(number) => number.to_string(),
        Cell::Empty | Cell::Date(_) | Cell::Error => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// An NHS number, with what spreadsheets do to numbers told apart.
pub(super) fn nhs_number(cell: &Cell, placeholders: &[String]) -> Result<Option<NhsNumber>, Code> {
    let text = match cell {
        Cell::Empty => return Ok(None),
        Cell::Error => return Err(Code::CellError),
        Cell::Date(_) => return Err(Code::NhsNotTenDigits),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => text.trim().to_owned(),
    };
    if text.is_empty() {
        return Ok(None);
    }
    match NhsNumber::parse(&text) {
        Ok(number) if placeholders.contains(&number.digits()) => Err(Code::NhsPlaceholder),
        Ok(number) => Ok(Some(number)),
        Err(InvalidNhsNumber::CheckDigit) => Err(Code::NhsCheckDigit),
        Err(InvalidNhsNumber::Placeholder) => Err(Code::NhsPlaceholder),
        Err(InvalidNhsNumber::NotTenDigits) => Err(what_happened(&text)),
    }
}

fn what_happened(text: &str) -> Code {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if is_scientific(text) {
        Code::NhsScientific
    } else if text
        .split_once(['.', ','])
        .is_some_and(|(whole, rest)| digits >= 9 && whole.len() >= 9 && rest.bytes().all(|b| b == b'0'))
    {
        Code::NhsDecimal
    } else if digits == 9 && text.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-') {
        Code::NhsNineDigits
    } else {
        Code::NhsNotTenDigits
    }
}

/// `9.99E+09`
fn is_scientific(text: &str) -> bool {
    text.to_ascii_lowercase().split_once('e').is_some_and(|(mantissa, exponent)| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        digits(exponent) && digits(&mantissa.replace(['.', ','], "")) && mantissa.contains(['.', ','])
    })
}

pub(super) fn local_id(cell: &Cell) -> Result<Option<String>, Code> {
    let text = match cell {
        Cell::Empty => return Ok(None),
        Cell::Error => return Err(Code::CellError),
        Cell::Date(_) => return Err(Code::LocalIdInvalid),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => text.trim().to_owned(),
    };
    if text.is_empty() {
        return Ok(None);
    }
    if is_scientific(&text) {
        return Err(Code::LocalIdScientific);
    }
    // A query with * or ? would find other people (Wild Card Matching, PS3.4 §C.2.2.2.4); a backslash separates values.
    let unfit = |c: char| c.is_control() || matches!(c, '*' | '?' | '\\');
    if text.chars().count() > LOCAL_ID_CHARACTERS_MAX || text.chars().any(unfit) {
        return Err(Code::LocalIdInvalid);
    }
    if is_nobodys(&text) { Err(Code::LocalIdPlaceholder) } else { Ok(Some(text)) }
}
