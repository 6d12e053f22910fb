//! Guests that misbehave, beside a neighbour that does not.

use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::ledger::Recorded;
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use cofferdam_test_guests::corpus::{self, Hostile};
use serde_json::json;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);
const NEIGHBOURS: usize = 40;

/// Each ends with its reason, within its limits; the neighbour's runs all succeed, and none waits for a hostile guest to end.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_guests_end_and_disturb_nobody() {
    let site = Site::start(SiteOptions::default()).await;
    let neighbour = site.tenant("neighbour").await;
    let _roles = (site.scheduler().await, site.worker().await);
    site.install(&site.context, "reach", "command").await;
    let expected = corpus::tasks();
    let dag = site.apply(of("hostile", expected.iter().map(|one| one.task.clone()).collect())).await;
    let steps = ["one", "two", "three"];
    let tasks = (0..3).map(|n| task(steps[n], &json!({ "do": "echo", "value": n }), &steps[n.saturating_sub(1)..n])).collect();
    let friendly = site.apply_for(&neighbour, of("friendly", tasks)).await;

    let run = site.trigger(&dag).await.run;
    let ledger = site.ledger_of(&neighbour);
    for _ in 0..NEIGHBOURS {
        site.trigger_for(&neighbour, &friendly).await;
        ledger.until_all_runs_ended(Duration::from_secs(20)).await;
    }
    site.ledger().until_all_runs_ended(LONG).await;

    let mut wrong = Vec::new();
    for Hostile { task, reason, within_ms, says } in expected {
        let task_id = task["task_id"].as_str().unwrap();
        let Recorded { instance, tries, .. } = site.ledger().of_task(run, task_id).await;
        let state = if reason.is_some() { TaskStateName::Failed } else { TaskStateName::Success };
        let found = instance.reason.map(|reason| reason.to_string());
        let said = match reason {
            None if !says.is_empty() => site.ledger().xcom(run, task_id, "return_value").await.to_string(),
            _ => tries[0].message.clone().unwrap_or_default(),
        };
        let wall = Duration::from_micros(tries[0].receipt.wall_us);
        if (instance.state, found.as_deref(), tries.len()) != (state, reason, 1)
            || !said.contains(says)
            || said.contains("\"ok\"")
            || wall > Duration::from_millis(within_ms)
        {
            wrong.push(format!("{task_id}: {:?} {found:?} after {} tries and {wall:?}: {said}", instance.state, tries.len()));
        }
    }
    assert_eq!(wrong, [""; 0]);
    let flood = site.ledger().of_task(run, "flood").await;
    assert!(flood.tries[0].receipt.stdio_bytes >= 1 << 30, "{flood:?}");
    let kept = site.ledger().log_bytes(&flood.instance).await;
    assert!(kept > 100_000 && kept < 2 << 20, "{kept} bytes of the flood were kept");

    let mut times = Vec::new();
    for run in ledger.runs().await {
        assert_eq!(run.state, RunStateName::Success);
        times.push((run.ended_at.unwrap() - run.queued_at).num_milliseconds());
    }
    times.sort_unstable();
    assert_eq!(times.len(), NEIGHBOURS);
    // Three loops alone would hold two processors for three seconds.
    assert!(times[NEIGHBOURS / 2] < 500 && times[NEIGHBOURS - 1] < 2_500, "the neighbour waited: {times:?} ms");
}
