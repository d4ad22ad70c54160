//! What comes late: between receipt and transfer a person objects and a trust's impact assessment expires. Of what was
//! cleared, sealed into a consignment, and partly put into the inbox already, nothing may leave.

use super::house::Papers;
use super::report::{LateReport, Report};
use anyhow::{Context, Result, ensure};
use hub::config::Config;
use hub::context::{Hub, Served};
use hub::linkage::TokenKind;
use hub::pipeline::consign::consign;
use hub::store::{Ages, Item};
use sim::region::{Fate, Late, Region};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use submission::manifest::Manifest;
use submission::names::{Day, Slug};
use submission::paths::{ItemName, RawPath};
use submission::signed::Signed;

/// What would leave tonight, and must not.
pub(super) struct Due {
    items: Vec<Item>,
    /// How many of them are in a sealed consignment, and lie in the inbox.
    put: usize,
}

/// Half of what is cleared is sealed, and of that, what will have to be taken back is put into the inbox: as after a
/// transfer that was cut off before its manifest.
pub(super) async fn seal_half(hub: &Arc<Hub>, region: &Region, late: &Late) -> Result<Due> {
    let served = hub.projects.first().context("the hub serves no project")?;
    let sealed = consign(hub, served).await?.context("nothing was cleared")?.consignment;
    let consigned = hub.store.items(&sealed.id, "consigned").await?;
    let mut items: Vec<(bool, Item)> = consigned.into_iter().map(|item| (true, item)).collect();
    // No folder has this date: nothing waits for another.
    let cleared = hub.store.cleared(&served.project.name, "", &Ages::new(), i64::MAX).await?;
    items.extend(cleared.into_iter().map(|item| (false, item)));
    let theirs = pseudonym(hub, served, region, late).await?;
    items.retain(|(_, item)| item.trust == late.lapse || (item.trust == late.at && item.pseudonym == theirs));
    let mut put = 0;
    for (_, item) in items.iter().filter(|(sealed, _)| *sealed) {
        let (date, name) = (Day::parse(&sealed.date)?, ItemName::parse(&item.name)?);
        let path = RawPath { hub: hub.id.clone(), date, item: name };
        let bytes = hub.outbox.get(&format!("{}/{}", served.project.name, item.digest)).await?;
        served.inbox.put(&path.to_string(), bytes).await?;
        put += 1;
    }
    Ok(Due { items: items.into_iter().map(|(_, item)| item).collect(), put })
}

/// The pseudonym of the person who will object: an instance of theirs tells.
async fn pseudonym(hub: &Hub, served: &Served, region: &Region, late: &Late) -> Result<String> {
    let of_theirs = |fate: &Fate| *fate == Fate::TakenBack("objected");
    let planted = region.instances.iter().find(|planted| of_theirs(&planted.fate));
    let planted = planted.with_context(|| format!("nobody objects at {}", late.at))?;
    let token = hub.linkage.token(TokenKind::Instance, &planted.instance.uid);
    for state in ["consigned", "cleared"] {
        let found = hub.store.instances_in(&served.project.name, state).await?;
        if let Some(found) = found.into_iter().find(|instance| instance.token == token) {
            return found.pseudonym.context("cleared without a pseudonym");
        }
    }
    anyhow::bail!("the person who objects has nothing that would leave")
}

/// The objection is taken and the assessment's new last day written down; the hub is started anew.
pub(super) async fn arrive(hub: Arc<Hub>, papers: &Papers, folder: &Path, late: &Late) -> Result<Arc<Hub>> {
    let list = format!("NHS Number\n{}\n", late.person.nhs_number);
    fs::write(folder.join("sheets").join(format!("{}-objections-late.csv", late.at)), &list)?;
    hub::objections::objections_taken(&hub, &late.at, list.as_bytes(), None, "demo").await?;
    let text = fs::read_to_string(&papers.hub)?;
    let line = |until: &str| format!("dpia = {{ id = \"dpia-{}\", expires = {until} }}", late.lapse);
    let changed = text.replace(&line("2099-12-31"), &line("2020-12-31"));
    ensure!(changed != text, "no assessment of {} in {}", late.lapse, papers.hub.display());
    fs::write(&papers.hub, changed)?;
    let hub = Arc::into_inner(hub).context("the hub is still at work")?;
    hub.store.db().close().await;
    hub.linkage.db().close().await;
    let clock = Arc::clone(&hub.clock);
    Ok(Arc::new(Hub::open(Config::load(&papers.hub)?, clock, hub.custody).await?))
}

impl Due {
    /// Nothing of it left: it lies in no inbox and no outbox, no manifest names it, and the last manifest counts it.
    pub(super) async fn check(
        &self,
        hub: &Hub,
        region: &Region,
        late: &Late,
        report: &mut Report,
    ) -> Result<()> {
        let served = hub.projects.first().context("the hub serves no project")?;
        let project = &served.project.name;
        let mut texts = Vec::new();
        let (mut left, mut last): (usize, Option<Manifest>) = (0, None);
        for object in served.inbox.list_sorted("").await? {
            if object.name.contains("/manifest-") {
                let bytes = served.inbox.get(&object.name).await?;
                let manifest = Signed::<Manifest>::from_json(&bytes)?.verify(&hub.own_keys)?;
                texts.push(String::from_utf8(bytes.to_vec())?);
                last = last.into_iter().chain([manifest]).max_by_key(|manifest| manifest.sequence);
            }
            texts.push(object.name);
        }
        texts.extend(hub.outbox.list_sorted("").await?.into_iter().map(|object| object.name));
        for item in &self.items {
            let name = item.name.as_str();
            left += usize::from(texts.iter().any(|text| text.contains(name) || text.contains(&item.digest)));
        }
        let mut held: BTreeMap<String, u64> = BTreeMap::new();
        for instance in hub.store.instances_in(project, "held").await? {
            *held.entry(instance.reason.unwrap_or_default()).or_default() += 1;
        }
        for record in hub.store.clinical_in(project, "held").await? {
            *held.entry(record.reason.unwrap_or_default()).or_default() += 1;
        }
        let counted = last.map(|manifest| manifest.withheld).unwrap_or_default();
        let is_counted = ["objected", "lapsed-dpia"].iter().all(|code| {
            let counted = Slug::parse(code).ok().and_then(|code| counted.get(&code).copied());
            counted.is_some() && counted == held.get(*code).copied()
        });
        let planned = |code| region.count(|fate| *fate == Fate::TakenBack(code));
        let instances = self.items.iter().filter(|item| item.kind == "instance").count();
        report.late = LateReport {
            at: late.at.clone(),
            lapse: late.lapse.clone(),
            objected: planned("objected"),
            lapsed: planned("lapsed-dpia"),
            records: self.items.len() - instances,
            put: self.put,
            left,
        };
        if instances != planned("objected") + planned("lapsed-dpia") {
            report
                .differences
                .push(format!("{instances} instances were to be taken back late, not as planned"));
        }
        if left > 0 {
            report.differences.push(format!("{left} objects left although their papers fell away before"));
        }
        if !is_counted {
            report.differences.push("the last manifest does not count what was taken back".into());
        }
        Ok(())
    }
}
