//! Guests that misbehave, beside a neighbour that does not.

use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::ledger::Recorded;
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);
const NEIGHBOURS: usize = 40;

/// How a hostile task is expected to end: with this reason, and within this time.
struct Expected {
    task: Value,
    reason: Option<Reason>,
    within: Duration,
}

fn hostile(task_id: &str, input: Value, settings: Value, reason: Option<Reason>, within_ms: u64) -> Expected {
    let mut task = task(task_id, &input, &[]);
    task.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Expected { task, reason, within: Duration::from_millis(within_ms) }
}

fn all() -> Vec<Expected> {
    let none = json!({});
    let endless = json!({ "timeout": "3s", "limits": { "fuel": 1_000_000_000_000_u64 } });
    vec![
        hostile("loop_1", json!({ "do": "loop" }), endless.clone(), Some(Reason::TimedOut), 5_000),
        hostile("loop_2", json!({ "do": "loop" }), endless.clone(), Some(Reason::TimedOut), 5_000),
        hostile("loop_3", json!({ "do": "loop" }), endless.clone(), Some(Reason::TimedOut), 5_000),
        hostile("sleeper", json!({ "do": "sleep", "ms": 600_000 }), json!({ "timeout": "1s" }), Some(Reason::TimedOut), 3_000),
        hostile("burner", json!({ "do": "loop" }), json!({ "limits": { "fuel": 100_000_000 } }), Some(Reason::OutOfFuel), 5_000),
        hostile("bomb", json!({ "do": "memory", "mib": 4_000 }), none.clone(), Some(Reason::OutOfMemory), 20_000),
        hostile("deep", json!({ "do": "recurse" }), none.clone(), Some(Reason::StackOverflow), 5_000),
        // Output is cut off, and the task goes on.
        hostile("flood", json!({ "do": "flood", "bytes": 1_u64 << 30 }), json!({ "timeout": "60s" }), None, 60_000),
        hostile("file", json!({ "do": "file", "path": "/etc/passwd" }), none.clone(), None, 5_000),
        hostile("socket", json!({ "do": "socket", "address": "127.0.0.1:80" }), none.clone(), None, 5_000),
        hostile("dns", json!({ "do": "dns", "address": "localhost:80" }), none.clone(), None, 5_000),
        hostile("listen", json!({ "do": "listen", "address": "127.0.0.1:0" }), none.clone(), None, 5_000),
        hostile("panic", json!({ "do": "panic", "message": "oh no" }), none.clone(), Some(Reason::Trap), 5_000),
        hostile("exit_3", json!({ "do": "exit", "code": 3 }), none.clone(), Some(Reason::GuestError), 5_000),
        hostile("no_json", json!({ "do": "raw", "text": "{" }), none.clone(), Some(Reason::InvalidOutput), 5_000),
        hostile("huge", json!({ "do": "huge", "bytes": 8 << 20 }), none.clone(), Some(Reason::InvalidOutput), 5_000),
        hostile("hoarder", json!({ "do": "hoard", "count": 100_000 }), none.clone(), Some(Reason::LimitExceeded), 5_000),
        hostile("greedy", json!({ "do": "random", "bytes": 1_u64 << 31 }), none, Some(Reason::Trap), 5_000),
    ]
}

/// Each ends with its reason, within its limits; the neighbour's runs all succeed, and none waits for a hostile guest to end.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_guests_end_and_disturb_nobody() {
    let site = Site::start(SiteOptions::default()).await;
    let neighbour = site.tenant("neighbour").await;
    let _roles = (site.scheduler().await, site.worker().await);
    let expected = all();
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

    for Expected { task, reason, within } in expected {
        let task_id = task["task_id"].as_str().unwrap();
        let Recorded { instance, tries, .. } = site.ledger().of_task(run, task_id).await;
        let state = if reason.is_some() { TaskStateName::Failed } else { TaskStateName::Success };
        assert_eq!((instance.state, instance.reason), (state, reason), "{task_id}: {tries:?}");
        assert_eq!(tries.len(), 1, "{task_id} is not tried again");
        let wall = Duration::from_micros(tries[0].receipt.wall_us);
        assert!(wall <= within, "{task_id} took {wall:?}");
    }
    for task_id in ["file", "socket", "dns", "listen"] {
        let said = site.ledger().xcom(run, task_id, "return_value").await;
        assert!(said.get("err").is_some() && said.get("ok").is_none(), "{task_id}: {said}");
    }
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
