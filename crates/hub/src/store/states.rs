//! The states of an instance and of a clinical record, and the legal moves between them, in one table.
//!
//! Every move names where it may start; a step that runs twice, or comes too late, moves nothing and is told so.

use platform::db::Query;

/// Every state, and those that it may be reached from. A new instance begins as `missing` or `received`, a record as `received`.
///
/// Beside these, what is `cleared` or `consigned` may be taken back until its manifest lies in the bucket, to `held`,
/// `quarantined` or `received`; and after a restore the bucket's manifests say what was `sent`.
#[rustfmt::skip]
pub const MOVES: &[(&str, &[&str])] = &[ // tidy: table
    // Its object is gone and is fetched again; or it expired unasked and is asked for now.
    ("missing",      &["received", "held", "quarantined", "refused", "rejected"]),
    // It arrived; is tried again; has a new version; has lost its outgoing bytes.
    ("received",     &["missing", "received", "held", "quarantined", "refused", "rejected", "acknowledged", "cleared"]),
    ("held",         &["received", "held", "quarantined"]),
    ("quarantined",  &["received", "held", "quarantined"]),
    // From `missing`: its study is rejected.
    ("rejected",     &["missing", "received", "held", "quarantined", "refused"]),
    ("cleared",      &["received", "held", "quarantined"]),
    ("consigned",    &["cleared"]),
    ("sent",         &["consigned"]),
    // From `refused`: the national house has accepted after all what it had set aside.
    ("acknowledged", &["sent", "refused"]),
    ("refused",      &["sent"]),
];

/// Places for starting states in a statement.
const PLACES: usize = 8;

/// Fills a statement's eight places for the states from which `state` may be reached; none that is unknown is reached.
pub(super) fn bind_from(query: Query, state: &str) -> Query {
    let from = MOVES.iter().find(|(to, _)| *to == state).map_or(&[][..], |(_, from)| *from);
    let filled = from.iter().copied().chain(std::iter::repeat("")).take(PLACES);
    filled.fold(query, |query, from| query.bind(from))
}

/// The same statement for an instance or a clinical record, by the kind of the item.
macro_rules! of_kind {
    ($kind:expr, $before:literal, $after:literal) => {
        match $kind {
            "clinical" => platform::db::sql(concat!($before, " clinical ", $after)),
            _ => platform::db::sql(concat!($before, " instance ", $after)),
        }
    };
}
pub(super) use of_kind;
