//! Ages that few people of a project have: what would go out with one waits for more of them.

use super::{Count, Result, Store};
use deid::profile::AGE_FEW_PEOPLE;
use platform::db::{Conn, sql};
use std::collections::BTreeSet;

/// Ages (AS, PS3.5 §6.2) as they go out.
pub type Ages = BTreeSet<String>;

/// As one text that a statement can look into: `|006M|044Y|`.
pub(super) fn listed(ages: &Ages) -> String {
    ages.iter().fold("|".to_owned(), |all, age| all + age + "|")
}

impl Store {
    /// The ages of what is cleared that fewer than so many people have, of what went out and what could; none where nobody counts.
    pub async fn few_ages(
        &self,
        on: &mut impl Conn,
        project: &str,
        age_people_min: Option<u32>,
    ) -> Result<Ages> {
        let Some(people_min) = age_people_min else { return Ok(Ages::new()) };
        // People are counted as far as is needed, and each age once.
        let query = sql(
            "/* store: few ages */ SELECT found.age FROM (
               SELECT DISTINCT age FROM instance WHERE project = $1 AND state = 'cleared' AND age IS NOT NULL) AS found
             WHERE (SELECT COUNT(*) FROM (
               SELECT DISTINCT person FROM instance p WHERE p.project = $1 AND p.age = found.age
                 AND p.state IN ('cleared', 'consigned', 'sent', 'acknowledged') LIMIT $2) AS people) < $2",
        );
        let query = query.bind(project).bind(u64::from(people_min));
        Ok(query.all(on, |row| row.get::<String>("age")).await?.into_iter().collect())
    }

    /// What is cleared and waits because of its age, by trust.
    pub async fn few_ages_counts(&self, on: &mut impl Conn, project: &str, few: &Ages) -> Result<Vec<Count>> {
        if few.is_empty() {
            return Ok(Vec::new());
        }
        let query = sql("/* store: few ages counts */ SELECT trust, COUNT(*) AS n FROM instance
             WHERE project = $1 AND state = 'cleared' AND $2 LIKE '%|' || age || '|%' GROUP BY trust ORDER BY trust");
        let (state, reason) = ("cleared", AGE_FEW_PEOPLE);
        query
            .bind(project)
            .bind(listed(few))
            .all(on, |row| {
                let (state, reason) = (state.to_owned(), Some(reason.to_owned()));
                Ok(Count { trust: row.get("trust")?, state, reason, n: row.get("n")? })
            })
            .await
    }
}
