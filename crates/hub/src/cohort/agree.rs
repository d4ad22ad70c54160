//! Rows of one sheet that speak of the same person must agree; what does not agree is told, and none of it goes on.

use std::collections::{BTreeMap, BTreeSet};

use deid::custody::Custody;

use super::problem::{Code, Problem};
use super::{LocalId, Row};

/// Removes rows that contradict each other or repeat one another, and tells why.
pub(super) fn check(rows: &mut Vec<Row>, custody: &Custody) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut dropped = BTreeSet::new();
    for group in people(rows, custody) {
        let members: Vec<&Row> = group.iter().map(|i| &rows[*i]).collect();
        let numbers: Vec<u32> = members.iter().map(|r| r.number).collect();
        if let Some(code) = conflict(&members, custody) {
            for (index, row) in group.iter().zip(&numbers) {
                let other_rows = numbers.iter().copied().filter(|n| n != row).collect();
                problems.push(Problem { row: *row, column: None, code, other_rows });
                dropped.insert(*index);
            }
            continue;
        }
        let mut seen: Vec<(Vec<String>, u32)> = Vec::new();
        for (index, row) in group.iter().zip(&members) {
            let keys = tokens(row, custody);
            match seen.iter().find(|(earlier, _)| keys.iter().all(|k| earlier.contains(k))) {
                Some((_, first)) => {
                    let other_rows = vec![*first];
                    problems.push(Problem {
                        row: row.number,
                        column: None,
                        code: Code::Duplicate,
                        other_rows,
                    });
                    dropped.insert(*index);
                }
                None => seen.push((keys, row.number)),
            }
        }
    }
    let mut index = 0;
    rows.retain(|_| {
        index += 1;
        !dropped.contains(&(index - 1))
    });
    problems
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

fn conflict(members: &[&Row], custody: &Custody) -> Option<Code> {
    let several = |count: usize| count > 1;
    let numbers: BTreeSet<_> =
        members.iter().filter_map(|r| r.nhs_number.as_ref()).map(|n| n.expose(custody)).collect();
    if several(numbers.len()) {
        return Some(Code::IdentityConflict);
    }
    let births: BTreeSet<_> =
        members.iter().filter_map(|r| r.date_of_birth.as_ref()).map(|d| d.expose(custody)).collect();
    if several(births.len()) {
        return Some(Code::BirthDateConflict);
    }
    let sexes: BTreeSet<_> =
        members.iter().filter_map(|r| r.sex.as_ref()).map(|s| s.expose(custody)).collect();
    if several(sexes.len()) {
        return Some(Code::SexConflict);
    }
    let arms: BTreeSet<_> = members.iter().map(|r| r.arm.as_str()).collect();
    if several(arms.len()) {
        return Some(Code::ArmConflict);
    }
    let anchors: BTreeSet<_> = members.iter().map(|r| r.anchor.expose(custody)).collect();
    several(anchors.len()).then_some(Code::DateConflict)
}
