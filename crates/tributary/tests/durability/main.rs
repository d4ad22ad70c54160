//! Nothing is lost: both houses as real processes, killed, their power cut, their disks full, their peers gone.
#![expect(clippy::unwrap_used, reason = "a test: what fails here is the test")]
#![cfg(target_os = "linux")]

mod archive;
mod boundaries;
mod bucket;
mod faults;
mod kills;
mod place;
mod power;
mod process;
mod shim;
mod small;

use std::time::Duration;

/// A night that nobody disturbs any more ends within this.
const NIGHT_MAX: Duration = Duration::from_secs(60);

/// Two nights at a time would only be slower, and some have an end that is set.
async fn one_at_a_time() -> tokio::sync::MutexGuard<'static, ()> {
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ALONE.lock().await
}
