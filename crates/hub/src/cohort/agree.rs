//! Rows of one sheet that speak of the same person must agree; what does not agree is told, and none of it goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deid::custody::Custody;

use super::problem::{Code, Problem};
use super::{LocalId, Row};

/// Other rows that a problem names: as many as are shown, and one more.
const OTHER_ROWS_MAX: usize = 6;

/// Removes rows that contradict each other or repeat one another, and tells why. A person has one identity in the whole sheet,
/// and at each trust one arm and one date.
pub(super) fn check(rows: &mut Vec<Row>, custody: &Custody) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut dropped = BTreeSet::new();
    let mut drop_all = |group: &[usize], code, problems: &mut Vec<Problem>, rows: &[Row]| {
        for index in group {
            let others = group.iter().filter(|other| *other != index).take(OTHER_ROWS_MAX);
            let other_rows = others.map(|other| rows[*other].number).collect();
            problems.push(Problem { row: rows[*index].number, column: None, code, other_rows });
            dropped.insert(*index);
        }
    };
    let mut repeated = Vec::new();
    for group in people(rows, custody) {
        if let Some(code) = two_people(&group, rows, custody) {
            drop_all(&group, code, &mut problems, rows);
            continue;
        }
        for group in by_trust(&group, rows) {
            match two_rows(&group, rows, custody) {
                Some(code) => drop_all(&group, code, &mut problems, rows),
                None => repeated.extend(repeats(&group, rows, custody)),
            }
        }
    }
    for (index, first) in repeated {
        let (row, other_rows) = (rows[index].number, vec![first]);
        problems.push(Problem { row, column: None, code: Code::Duplicate, other_rows });
        dropped.insert(index);
    }
    let mut index = 0;
    rows.retain(|_| {
        index += 1;
        !dropped.contains(&(index - 1))
    });
    problems
}

/// The rows of one person, each trust's by themselves.
fn by_trust(group: &[usize], rows: &[Row]) -> Vec<Vec<usize>> {
    let mut trusts: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    for index in group {
        let trust = rows[*index].trust.as_ref().map(|trust| trust.trim().to_lowercase());
        trusts.entry(trust).or_default().push(*index);
    }
    trusts.into_values().collect()
}

/// Rows all of whose identifiers stand in one earlier row: (its index, the number of the earlier one).
fn repeats(group: &[usize], rows: &[Row], custody: &Custody) -> Vec<(usize, u32)> {
    let mut seen: HashMap<Vec<String>, u32> = HashMap::new();
    let mut repeats = Vec::new();
    for index in group {
        let row = &rows[*index];
        let keys = tokens(row, custody);
        match seen.get(&keys) {
            Some(first) => repeats.push((*index, *first)),
            None => {
                for key in &keys {
                    seen.entry(vec![key.clone()]).or_insert(row.number);
                }
                seen.insert(keys, row.number);
            }
        }
    }
    repeats
}

/// Groups of two and more rows that share an identifier, directly or through a third row.
fn people(rows: &[Row], custody: &Custody) -> Vec<Vec<usize>> {
    let mut by_token: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        for token in tokens(row, custody) {
            by_token.entry(token).or_default().push(index);
        }
    }
    // Each row points to an earlier one of its group, the first to itself.
    let mut root: Vec<usize> = (0..rows.len()).collect();
    fn find(root: &mut [usize], mut at: usize) -> usize {
        while root[at] != at {
            root[at] = root[root[at]];
            at = root[at];
        }
        at
    }
    for members in by_token.values() {
        for pair in members.windows(2) {
            let (a, b) = (find(&mut root, pair[0]), find(&mut root, pair[1]));
            root[a.max(b)] = a.min(b);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in 0..rows.len() {
        groups.entry(find(&mut root, index)).or_default().push(index);
    }
    groups.into_values().filter(|g| g.len() > 1).collect()
}

fn tokens(row: &Row, custody: &Custody) -> Vec<String> {
    let nhs = row.nhs_number.as_ref().map(|n| format!("nhs {}", n.expose(custody).digits()));
    let local = row
        .local_id
        .as_ref()
        .map(|LocalId { issuer, id }| format!("local {} {}", issuer.to_lowercase(), id.expose(custody)));
    nhs.into_iter().chain(local).collect()
}

/// What shows that rows of one identifier speak of two people.
fn two_people(group: &[usize], rows: &[Row], custody: &Custody) -> Option<Code> {
    let rows = || group.iter().map(|index| &rows[*index]);
    let numbers: BTreeSet<_> =
        rows().filter_map(|r| r.nhs_number.as_ref()).map(|n| n.expose(custody)).collect();
    let births: BTreeSet<_> =
        rows().filter_map(|r| r.date_of_birth.as_ref()).map(|d| d.expose(custody)).collect();
    let sexes: BTreeSet<_> = rows().filter_map(|r| r.sex.as_ref()).map(|s| s.expose(custody)).collect();
    [
        (numbers.len(), Code::IdentityConflict),
        (births.len(), Code::BirthDateConflict),
        (sexes.len(), Code::SexConflict),
    ]
    .into_iter()
    .find_map(|(n, code)| (n > 1).then_some(code))
}

/// What a person's rows at one trust disagree in.
fn two_rows(group: &[usize], rows: &[Row], custody: &Custody) -> Option<Code> {
    let rows = || group.iter().map(|index| &rows[*index]);
    let arms: BTreeSet<_> = rows().map(|r| r.arm.as_str()).collect();
    if arms.len() > 1 {
        return Some(Code::ArmConflict);
    }
    let anchors: BTreeSet<_> = rows().map(|r| r.anchor.expose(custody)).collect();
    (anchors.len() > 1).then_some(Code::DateConflict)
}
