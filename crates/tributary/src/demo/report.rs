//! What came of a night, and whether it is what was planned.

use crate::ui::{Table, number};
use hub::status::{INSTANCE_STATES, TrustStatus};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What came of one trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustReport {
    /// Its name.
    pub name: String,
    /// Instances in its archive that had to be asked for.
    pub planned: i64,
    /// Instances in its archive that had to be left alone.
    pub left_alone: i64,
    /// What the hub says.
    pub status: TrustStatus,
}

/// What an objection and an expiry between receipt and transfer took back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LateReport {
    /// The trust at which somebody objected.
    pub at: String,
    /// The trust whose impact assessment expired.
    pub lapse: String,
    /// Instances of the person who objected.
    pub objected: usize,
    /// Instances of the trust whose assessment expired.
    pub lapsed: usize,
    /// Clinical records of both.
    pub records: usize,
    /// How many of all these were in a sealed consignment and in the inbox already.
    pub put: usize,
    /// How many of them left.
    pub left: usize,
}

/// An instance that does not go on, planted with a reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldReport {
    /// Its trust.
    pub trust: String,
    /// What it shows: modality and description.
    pub what: String,
    /// The state it is in, and why.
    pub came: String,
    /// What was planted.
    pub planned: String,
}

/// The studies of one arm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArmReport {
    /// Studies that the windows name.
    pub planned: usize,
    /// Of them, those that the hub found.
    pub found: usize,
    /// Studies that the hub should have found.
    pub missing: usize,
    /// Studies that the hub should not have asked for.
    pub extra: usize,
}

/// People and their pseudonyms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeopleReport {
    /// Pseudonyms of everybody who has any, by NHS number; a simulated number, never issued.
    pub pseudonyms: BTreeMap<String, Vec<String>>,
    /// Pseudonyms of the person at three trusts.
    pub at_three_trusts: usize,
    /// Pseudonyms of the twins together.
    pub twins: usize,
    /// Pseudonyms of the two people with the same local id.
    pub same_local_id: usize,
    /// People who must not be asked for: opted out, objecting, their trust's papers expired, or in no sheet.
    pub withheld: usize,
    /// Of them, whose NHS number any archive was asked for.
    pub withheld_but_asked: usize,
}

/// What came of a night.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Where everything lies.
    pub folder: PathBuf,
    /// By trust.
    pub trusts: Vec<TrustReport>,
    /// What was held, quarantined or rejected, what was planted, and how many alike.
    pub held: BTreeMap<HeldReport, usize>,
    /// What was taken back between receipt and transfer.
    pub late: LateReport,
    /// By arm.
    pub arms: BTreeMap<String, ArmReport>,
    /// People.
    pub people: PeopleReport,
    /// Instances acknowledged by the national house.
    pub acknowledged: i64,
    /// Clinical records acknowledged.
    pub clinical: i64,
    /// Holdings in the warehouse, by partition and kind.
    pub warehouse: Vec<national::store::PartitionCount>,
    /// Everything that is not as planned, in words.
    pub differences: Vec<String>,
    /// How long the night took.
    pub took: Duration,
}

impl Report {
    /// Whether everything came as planned.
    pub fn is_as_planned(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.trust_table())?;
        writeln!(
            f,
            "\"=\": planned, expected and the sum of all states agree. A record waits where the same person's came by another\n\
             trust tonight: a name goes into one folder once, so it follows with the next date.\n"
        )?;
        writeln!(f, "Not sent on, and what was planted:")?;
        let mut table = Table::new(&["trust", "what", "n", "came", "planted"]);
        for (held, n) in &self.held {
            let planned = if held.came == held.planned { "the same" } else { &held.planned };
            table.row([held.trust.as_str(), &held.what, &n.to_string(), &held.came, planned]);
        }
        writeln!(f, "{table}")?;
        let late = &self.late;
        writeln!(
            f,
            "Between receipt and transfer somebody objected at {} and the DPIA of {} expired: {} and {} instances and\n\
             {} records were taken back, {} of them out of a sealed consignment and the inbox; {} left, and the manifest counts them.\n",
            late.at, late.lapse, late.objected, late.lapsed, late.records, late.put, late.left,
        )?;
        let mut table = Table::new(&["arm", "studies", "found", "missing", "extra"]);
        for (name, arm) in &self.arms {
            let numbers = [arm.planned, arm.found, arm.missing, arm.extra].map(|n| n.to_string());
            table.row(std::iter::once(name.clone()).chain(numbers));
        }
        writeln!(f, "{table}")?;
        let people = &self.people;
        writeln!(
            f,
            "People: {} pseudonyms; one person at three trusts has {}, twins have {}, two people with one local id have {}.\n\
             Withheld (opted out, objecting, agreement expired, in no sheet): {} people, {} of them ever asked for.\n",
            people.pseudonyms.len(),
            people.at_three_trusts,
            people.twins,
            people.same_local_id,
            people.withheld,
            people.withheld_but_asked,
        )?;
        let mut table = Table::new(&["partition", "kind", "patients", "studies", "objects", "bytes"]);
        for part in &self.warehouse {
            let numbers = [part.patients, part.studies, part.holdings, part.bytes].map(|n| n.to_string());
            table.row([part.partition.clone(), part.kind.clone()].into_iter().chain(numbers));
        }
        writeln!(f, "The national warehouse:\n{table}")?;
        if self.is_as_planned() {
            return writeln!(f, "Everything reconciles ({:.0} s).", self.took.as_secs_f32());
        }
        writeln!(f, "NOT as planned:")?;
        self.differences.iter().try_for_each(|difference| writeln!(f, "  {difference}"))
    }
}

impl Report {
    fn trust_table(&self) -> Table {
        let shown: Vec<&str> = INSTANCE_STATES
            .into_iter()
            .filter(|state| self.trusts.iter().any(|trust| trust.status.instances.of(state) > 0))
            .collect();
        let mut headings = vec!["trust", "name", "left alone", "expected", "="];
        headings.extend(&shown);
        headings.extend(["records held", "waiting", "acknowledged"]);
        let mut table = Table::new(&headings);
        for trust in &self.trusts {
            table.row(cells(trust, &shown));
        }
        let sum = |of: &dyn Fn(&TrustReport) -> i64| self.trusts.iter().map(of).sum::<i64>();
        let mut all = vec![
            String::new(),
            "all".into(),
            number(sum(&|trust| trust.left_alone)),
            number(sum(&|trust| trust.status.expected)),
            "=".into(),
        ];
        all.extend(shown.iter().map(|state| number(sum(&|trust| trust.status.instances.of(state)))));
        all.extend(
            ["held", "cleared", "acknowledged"].map(|state| number(sum(&|trust| records(trust, state)))),
        );
        table.row(all);
        table
    }
}

fn cells(trust: &TrustReport, shown: &[&str]) -> Vec<String> {
    let status = &trust.status;
    let mut cells = vec![
        status.trust.clone(),
        trust.name.clone(),
        number(trust.left_alone),
        number(status.expected),
        if status.reconciles() && status.expected == trust.planned { "=" } else { "≠" }.into(),
    ];
    cells.extend(shown.iter().map(|state| number(status.instances.of(state))));
    cells.extend(["held", "cleared", "acknowledged"].map(|state| number(records(trust, state))));
    cells
}

/// How many clinical records stand in a state.
fn records(trust: &TrustReport, state: &str) -> i64 {
    trust.status.clinical.of(state)
}
