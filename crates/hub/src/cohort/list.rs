//! Plain lists of people: what was submitted to the opt-out check, what it returned, who objects at a trust.
//!
//! One NHS number per line, as the checking service takes and returns them, or a table with headings; a table may give local
//! ids and their issuer as well.

use deid::custody::Sensitive;
use deid::identity::PersonKey;

use super::grid::{self, Cell, Line};
use super::headings::{self, Columns, Field};
use super::problem::{Code, Problem, Unreadable};
use super::values;

/// A list of people, and what could not be read of it.
#[derive(Debug, Default)]
pub struct PeopleList {
    /// Who stands in it: the number of the row, and every identifier that it gives.
    pub people: Vec<(u32, Vec<PersonKey>)>,
    /// What is to be mended.
    pub problems: Vec<Problem>,
}

/// Reads a list. `issuer` is that of local ids where the list has no column for it.
pub fn read_people(
    bytes: &[u8],
    issuer: Option<&str>,
    placeholders: &[String],
    sheet_bytes_max: u64,
    sheet_rows_max: u32,
) -> Result<PeopleList, Unreadable> {
    let bounds = grid::Bounds { worksheet: None, bytes_max: sheet_bytes_max, rows_max: sheet_rows_max };
    let tables = grid::read(bytes, bounds)?;
    let table = tables.iter().find(|t| !t.is_empty()).ok_or(Unreadable::NoRows)?;
    let with_headings = headings::of_people(&table[0]);
    let start = usize::from(with_headings.is_some());
    let columns = with_headings.unwrap_or_else(Columns::first_is_nhs_number);
    let mut list = PeopleList::default();
    for line in table[start..].iter().filter(|l| l.cells.iter().any(|c| !c.is_empty())) {
        person(line, &columns, issuer, placeholders, &mut list);
    }
    Ok(list)
}

fn person(
    line: &Line,
    columns: &Columns,
    issuer: Option<&str>,
    placeholders: &[String],
    list: &mut PeopleList,
) {
    let mut note = |field: Option<&Field>, code| {
        let column = field.and_then(|f| columns.heading(f));
        list.problems.push(Problem { row: line.number, column, code, other_rows: Vec::new() });
    };
    let number_field = if issuer.is_none() && columns.heading(&Field::NhsNumber).is_none() {
        Field::Id
    } else {
        Field::NhsNumber
    };
    let local_field = if columns.heading(&Field::LocalId).is_some() { Field::LocalId } else { Field::Id };
    let mut keys = Vec::new();
    let is_numbered = match values::nhs_number(columns.cell(line, &number_field), placeholders) {
        Ok(number) => {
            keys.extend(number.map(|number| PersonKey::Nhs(Sensitive::new(number))));
            !keys.is_empty()
        }
        Err(code) => {
            note(Some(&number_field), code);
            true
        }
    };
    // A column that is merely `ID` is the number's, or the local id's, not both.
    let local = if local_field == number_field { &Cell::Empty } else { columns.cell(line, &local_field) };
    match values::local_id(local) {
        Ok(Some(id)) => {
            let stated = values::text(columns.cell(line, &Field::Issuer));
            match stated.or_else(|| issuer.map(str::to_owned)) {
                Some(issuer) => keys.push(PersonKey::Local { issuer, id: Sensitive::new(id) }),
                // An `ID` beside a number may be the number of the line.
                None if is_numbered && local_field == Field::Id => {}
                None => note(Some(&local_field), Code::IssuerMissing),
            }
        }
        Ok(None) if !is_numbered => note(None, Code::NoIdentity),
        Ok(None) => {}
        Err(code) => note(Some(&local_field), code),
    }
    if !keys.is_empty() {
        list.people.push((line.number, keys));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::nhs;
    use super::*;

    fn read(text: &str) -> PeopleList {
        read_people(text.as_bytes(), None, &[], 1 << 20, 1000).unwrap()
    }

    #[test]
    fn the_checking_services_form_is_a_number_and_a_comma_per_line() {
        let list = read(&format!("{},\r\n{},\r\n", nhs(1), nhs(2)));
        assert_eq!(list.people.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2]);
        assert!(list.problems.is_empty());
    }

    #[test]
    fn a_list_may_have_headings_and_bad_lines_are_told_without_their_value() {
        let list = read(&format!("Surname,NHS Number\nSENTINEL,{}\nSENTINEL,9990000019\n", nhs(1)));
        assert_eq!(list.people.len(), 1);
        assert_eq!(list.problems[0].to_string().split(':').next(), Some("row 3, column \"NHS Number\""));
        assert!(!format!("{list:?}").contains("SENTINEL"));
    }

    #[test]
    fn who_objects_may_be_known_by_local_id_only() {
        let list = read(&format!("NHS Number,MRN,Issuer\n{},,\n,A12345,RX1\n,A12345,\n", nhs(1)));
        assert!(matches!(&list.people[1].1[..], [PersonKey::Local { issuer, .. }] if issuer == "RX1"));
        assert_eq!(list.problems[0].code, Code::IssuerMissing);
    }

    #[test]
    fn a_line_gives_every_identifier_that_stands_in_it() {
        let list = read(&format!("NHS Number,MRN,Issuer\n{},A12345,RX1\n9990000019,A99,RX1\n", nhs(1)));
        assert!(matches!(&list.people[0].1[..], [PersonKey::Nhs(_), PersonKey::Local { .. }]));
        assert!(matches!(&list.people[1].1[..], [PersonKey::Local { .. }]));
        assert_eq!(list.problems[0].code, Code::NhsCheckDigit);
    }
}
