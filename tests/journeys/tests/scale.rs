//! The night of the demo on PostgreSQL and S3: other lines in the two configuration files, and nothing else differs.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

use platform::config::SecretText;
use platform::keys::random_id;
use platform::testing::{TempDir, own_schema, postgres_url};
use sim::region::Size;
use tributary::demo::{Keep, Options, Servers, play};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_night_comes_to_the_same_end_on_postgresql_and_s3() {
    let Some(url) = postgres_url() else {
        eprintln!("skipped: TRIBUTARY_TEST_POSTGRES is not set (./dev test sets it)");
        return;
    };
    let Ok(endpoint) = std::env::var("TRIBUTARY_TEST_S3") else {
        eprintln!("skipped: TRIBUTARY_TEST_S3 is not set (./dev test sets it)");
        return;
    };
    let servers = Servers {
        hub: SecretText::new(own_schema(&url).await),
        linkage: SecretText::new(own_schema(&url).await),
        national: SecretText::new(own_schema(&url).await),
        endpoint,
        place: format!("s3://tributary-test/night-{}", random_id().unwrap()),
        access_key_id: SecretText::new("test"),
        secret_access_key: SecretText::new("test"),
    };
    let dir = TempDir::new();
    let folder = dir.path().join("night");
    let keep = Keep::Servers(Box::new(servers));
    let options = Options { folder: folder.clone(), seed: 1, size: Size::TEST, keep };
    let tell = |line: &str| eprintln!("{line}");
    let report = play(&options, deid::custody::Custody::mint(), &tell, &|_| {}).await.unwrap();
    assert!(report.differences.is_empty(), "{:#?}", report.differences);
    assert!(report.is_as_planned() && report.acknowledged > 0 && report.clinical > 0);
    for name in
        ["inbox", "warehouse", "hub/outbox", "hub/hub.db", "hub/linkage.db", "national/national.sqlite"]
    {
        assert!(!folder.join(name).exists(), "{name} lies in the folder all the same");
    }
}
