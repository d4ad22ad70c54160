//! How SQLite finds the rows of each statement: who walks a table that grows is slower every day.

use super::sqlite_db;
use crate::db::{Migration, Query, sql};

/// What SQLite would do for one statement.
#[derive(Debug)]
pub struct Plan {
    /// The statement's name.
    pub name: String,
    /// Its steps, such as `SEARCH study USING INDEX study_token (token=?)`.
    pub steps: Vec<String>,
}

impl Plan {
    /// The steps that look at every row of a table. Of a partial index they see only the rows that it holds.
    pub fn walks(&self, partial: &[&str]) -> Vec<&str> {
        let is_walk = |step: &&str| {
            step.starts_with("SCAN ")
                && !step.contains("CONSTANT ROW")
                && !partial.iter().any(|index| step.ends_with(index))
        };
        self.steps.iter().map(String::as_str).filter(is_walk).collect()
    }
}

/// The plans of all statements that stand in these sources as one literal, on an empty database.
///
/// # Panics
/// If there is no database.
#[expect(clippy::unwrap_used, reason = "a test helper")]
pub async fn plans(schema: &[Migration], sources: &[&str]) -> Vec<Plan> {
    let test = sqlite_db().await;
    test.db.migrate(schema).await.unwrap();
    let mut reader = test.db.read().await.unwrap();
    let mut plans = Vec::new();
    for text in sources.iter().flat_map(|source| statements(source)) {
        let name = text.split("*/").next().unwrap_or_default().trim_start_matches("/*").trim().to_owned();
        let explained: Query = sql(String::leak(format!("EXPLAIN QUERY PLAN {text}")));
        let explained = (0..values(&text)).fold(explained, |query, _| query.bind(None::<String>));
        // A part of a statement is none.
        if let Ok(steps) = explained.all(&mut reader, |row| row.get::<String>("detail")).await {
            plans.push(Plan { name, steps });
        }
    }
    plans
}

/// The literals of a source that open with a statement's name.
fn statements(source: &str) -> Vec<String> {
    let open = source.match_indices("\"/* ").map(|(at, _)| &source[at + 1..]);
    open.filter_map(|rest| rest.split('"').next()).map(|text| text.replace("\\\n", "")).collect()
}

/// The highest parameter.
fn values(text: &str) -> usize {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    text.split('$').skip(1).filter_map(digits).max().unwrap_or(0)
}
