//! A second look at what was cleared: some of each device's images are drawn for a person, and what they see is counted.
//!
//! Where somebody sees what identifies, the device is stopped: what of it has not left is held.

use super::looked::DEVICE_STOPPED;
use super::outgoing::again;
use crate::accounts::CHAIN;
use crate::config::PortalConfig;
use crate::context::{Hub, HubError};
use crate::store::Sample;
use platform::audit::{self, Details};

/// How many are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampling {
    first: u64,
    one_in: u64,
}

impl Sampling {
    pub(super) fn of(portal: &PortalConfig) -> Self {
        Self { first: portal.sample_first.into(), one_in: u64::from(portal.sample_one_in).max(1) }
    }

    /// Whether the n-th cleared instance of its device is drawn. The token is keyed: nobody can make an image that is not.
    pub(super) fn draws(self, n: i64, token: &str) -> bool {
        let early = u64::try_from(n).is_ok_and(|n| n <= self.first);
        let number = token.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        early || number.is_none_or(|number| number.is_multiple_of(self.one_in))
    }
}

/// A person has looked at a sample; `is_leak`: they saw what identifies. `false`: somebody was quicker.
pub async fn settle(hub: &Hub, sample: &Sample, is_leak: bool, actor: &str) -> Result<bool, HubError> {
    let (now, verdict) = (hub.clock.now(), if is_leak { "leak" } else { "clean" });
    let mut tx = hub.store.write().await?;
    if !hub.store.sample_settled(&mut tx, &sample.id, verdict, actor, now).await? {
        return Ok(false);
    }
    let details = Details::new().id("instance", &sample.instance)?.id("digest", &sample.digest)?;
    let details = details.id("device", &sample.device)?.code("verdict", verdict);
    let trust = sample.trust.as_deref().unwrap_or("unattributed");
    audit::append(&mut tx, trust, actor, "cleared image looked at", &details, now).await?;
    if is_leak {
        hub.store.device_stopped(&mut tx, &sample.device, Some(now)).await?;
        let details = Details::new().id("device", &sample.device)?;
        audit::append(&mut tx, CHAIN, actor, "device stopped", &details, now).await?;
    }
    tx.commit().await?;
    if is_leak {
        tracing::error!(
            instance = %sample.instance,
            device = %sample.device,
            "identifying text was seen in an image that was cleared: its device is stopped"
        );
    }
    Ok(true)
}

/// Its bytes have left, or were taken back, before anybody looked.
pub async fn gone(hub: &Hub, sample: &Sample) -> Result<(), HubError> {
    let mut tx = hub.store.write().await?;
    hub.store.sample_settled(&mut tx, &sample.id, "gone", "hub", hub.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// A stopped device goes on, and what was held for it is looked at again; tells how many images those are.
pub async fn resume(hub: &Hub, device: &str, actor: &str) -> Result<usize, HubError> {
    let now = hub.clock.now();
    let mut tx = hub.store.write().await?;
    hub.store.device_stopped(&mut tx, device, None).await?;
    let details = Details::new().id("device", device)?;
    audit::append(&mut tx, CHAIN, actor, "device resumed", &details, now).await?;
    let held = hub.store.held_of_class(device, DEVICE_STOPPED).await?;
    for id in &held {
        if hub.store.instance_is(&mut tx, id, "received", None, now).await? {
            again(hub, &mut tx, "instance", id, now).await?;
        }
    }
    tx.commit().await?;
    Ok(held.len())
}

/// The upper end of what the true rate may be, with 95 % confidence: one-sided, exact (Clopper and Pearson 1934).
pub fn rate_max(leaks: u64, looked: u64) -> f64 {
    if leaks >= looked {
        return 1.0;
    }
    // At the bound, as few leaks as were seen, or fewer, are seen once in twenty times.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(leaks, looked, middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}

/// The probability of at most `k` in `n` at this rate (binomial).
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
fn at_most(k: u64, n: u64, rate: f64) -> f64 {
    let (yes, no) = (rate.ln(), (-rate).ln_1p());
    let mut log = n as f64 * no;
    let mut sum = log.exp();
    for i in 0..k {
        log += ((n - i) as f64).ln() - ((i + 1) as f64).ln() + yes - no;
        sum += log.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bound_is_the_published_one() {
        // Exact one-sided 95 % limits; 0 of n is 1 − 0.05^(1/n), near 3 in n.
        for (leaks, looked, bound) in [
            (0, 1, 0.95),
            (0, 10, 0.2589),
            (0, 100, 0.0295),
            (1, 10, 0.3942),
            (5, 10, 0.7776),
            (2, 50, 0.1206),
        ] {
            let found = rate_max(leaks, looked);
            assert!((found - bound).abs() < 5e-4, "{leaks} of {looked}: {found}");
        }
        assert_eq!(rate_max(0, 0), 1.0);
        assert_eq!(rate_max(7, 7), 1.0);
        assert!((rate_max(0, 3000) * 3000.0 - 3.0).abs() < 0.01, "the rule of three");
    }

    proptest! {
        #[test]
        fn more_leaks_raise_the_bound_and_more_looks_lower_it(leaks in 0..50_u64, more in 1..500_u64) {
            let looked = leaks + more;
            prop_assert!(rate_max(leaks, looked) < rate_max(leaks + 1, looked) + 1e-12);
            prop_assert!(rate_max(leaks, looked + 1) < rate_max(leaks, looked) + 1e-12);
            prop_assert!(rate_max(leaks, looked) > leaks as f64 / looked as f64);
        }

        #[test]
        fn the_first_are_drawn_and_then_about_one_in_so_many(tokens in prop::collection::vec(any::<u64>(), 400)) {
            let sampling = Sampling { first: 3, one_in: 4 };
            prop_assert!((1..=3).all(|n| sampling.draws(n, "0000000000000001")));
            prop_assert!(!sampling.draws(4, "0000000000000001"));
            let drawn = tokens.iter().filter(|token| sampling.draws(9, &format!("{token:016x}ff"))).count();
            prop_assert!((40..=180).contains(&drawn), "{drawn} of 400");
        }
    }
}
