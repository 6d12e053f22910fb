//! Runs that the clock makes.

use chrono::{SubsecRound, TimeDelta};
use cofferdam_domain::clock::{Clock, SystemClock};
use cofferdam_domain::run::RunType;
use cofferdam_runtime_tests::dags::task;
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const DAGS: usize = 6;
const MINUTES: i64 = 40;

/// Schedulers at once make each run once: none twice, none left out, each with all its instances.
#[tokio::test(flavor = "multi_thread")]
async fn two_schedulers_make_each_run_once() {
    let site = Site::start(SiteOptions::default()).await;
    let start = SystemClock.now().trunc_subsecs(0) - TimeDelta::minutes(MINUTES);
    for number in 0..DAGS {
        let tasks = [task("first", &json!({}), &[]), task("second", &json!({}), &["first"])];
        let definition = json!({
            "dag_id": format!("minutely_{number}"), "schedule": "* * * * *", "start_date": start, "catchup": true,
            "max_active_runs": 1_000, "tasks": tasks,
        });
        site.apply(definition).await;
    }
    let (first, second, third) = tokio::join!(site.scheduler(), site.scheduler(), site.scheduler());
    let expected = DAGS * usize::try_from(MINUTES).unwrap();
    let ledger = site.ledger();
    ledger.until("the runs to be made", Duration::from_secs(60), || async { ledger.runs().await.len() >= expected }).await;
    for scheduler in [first, second, third] {
        scheduler.stop().await;
    }
    let mut dates = BTreeMap::<_, Vec<_>>::new();
    for run in ledger.runs().await {
        assert_eq!(run.run_type, RunType::Scheduled);
        assert_eq!(ledger.of_run(run.key).await.len(), 2, "{} is whole", run.dag_run_id);
        dates.entry(run.dag_id).or_default().push(run.logical_date);
    }
    assert_eq!(dates.len(), DAGS);
    for (dag, mut dates) in dates {
        dates.sort();
        assert!(dates.windows(2).all(|two| two[1] - two[0] == TimeDelta::minutes(1)), "{dag} has one run a minute: {dates:?}");
    }
}
