//! Plain lists of people: what was submitted to the opt-out check, what it returned, who objects at a trust.
//!
//! One NHS number per line, as the checking service takes and returns them, or a table with headings; a table may give local
//! ids and their issuer as well.

use deid::custody::Sensitive;
use deid::identity::PersonKey;

use super::grid::{self, Line};
use super::headings::{self, Columns, Field};
use super::problem::{Code, Problem, Unreadable};
use super::values;

/// A list of people, and what could not be read of it.
#[derive(Debug, Default)]
pub struct PeopleList {
    /// Who stands in it, with the number of the row.
    pub people: Vec<(u32, PersonKey)>,
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
    match values::nhs_number(columns.cell(line, &number_field), placeholders) {
        Ok(Some(number)) => {
            list.people.push((line.number, PersonKey::Nhs(Sensitive::new(number))));
            return;
        }
        Ok(None) => {}
        Err(code) => return note(Some(&number_field), code),
    }
    let id = match values::local_id(columns.cell(line, &local_field)) {
        Ok(Some(id)) => id,
        Ok(None) => return note(None, Code::NoIdentity),
        Err(code) => return note(Some(&local_field), code),
    };
    match values::text(columns.cell(line, &Field::Issuer)).or_else(|| issuer.map(str::to_owned)) {
        Some(issuer) => {
            list.people.push((line.number, PersonKey::Local { issuer, id: Sensitive::new(id) }));
        }
        None => note(Some(&local_field), Code::IssuerMissing),
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
        assert!(matches!(&list.people[1].1, PersonKey::Local { issuer, .. } if issuer == "RX1"));
        assert_eq!(list.problems[0].code, Code::IssuerMissing);
    }
}
