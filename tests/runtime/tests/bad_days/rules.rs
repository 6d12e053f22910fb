//! What follows from how tries end, from the sandbox to PostgreSQL and on to the tasks that wait.

use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_queue::ClaimPolicy;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::disturbed::Disturbed;
use cofferdam_runtime_tests::ledger::Recorded;
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use cofferdam_store::task_instances::TryEnding;
use cofferdam_store::tenants::{self, TenantRules};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

async fn site() -> Site {
    let site = Site::start(SiteOptions { queue: QueueKind::Memory, ..SiteOptions::default() }).await;
    std::mem::forget((site.scheduler().await, site.worker().await));
    site
}

fn with(mut task: Value, settings: Value) -> Value {
    task.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    task
}

/// Retries come after their delays, each twice as long as the one before, and end.
#[tokio::test(flavor = "multi_thread")]
async fn retries_back_off() {
    let site = site().await;
    let failing = with(
        task("failing", &json!({ "do": "retryable", "message": "not yet" }), &[]),
        json!({ "retries": 3, "retry_delay": "300ms", "retry_backoff": "exponential", "retry_jitter": 0.0 }),
    );
    let run = site.run_once("retries", vec![failing], LONG).await.run;
    let Recorded { instance, tries, .. } = site.ledger().of_task(run, "failing").await;
    assert_eq!((instance.state, instance.reason), (TaskStateName::Failed, Some(Reason::GuestError)));
    assert_eq!(tries.len(), 4);
    assert!(
        tries.iter().all(|one| one.reason == Some(Reason::GuestError) && one.message.as_deref().unwrap().contains("not yet"))
    );
    for (two, least) in tries.windows(2).zip([300, 600, 1_200]) {
        let pause = two[1].started_at.unwrap() - two[0].ended_at;
        assert!(pause >= TimeDelta::milliseconds(least), "try {} came after {pause}", two[1].try_number);
        assert!(pause < TimeDelta::milliseconds(least + 2_000), "try {} came only after {pause}", two[1].try_number);
    }
}

/// A failed task fails what needs it, all the way down; what does not need it runs. The run fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_fails_what_needs_it() {
    let site = site().await;
    let tasks = vec![
        task("bad", &json!({ "do": "fatal", "message": "no" }), &[]),
        task("good", &json!({ "do": "echo", "value": 1 }), &[]),
        task("beside", &json!({ "do": "echo", "value": 2 }), &["good"]),
        task("both", &json!({}), &["good", "bad"]),
        task("below", &json!({}), &["both"]),
        with(task("whatever", &json!({ "do": "echo", "value": 3 }), &["bad"]), json!({ "trigger_rule": "all_done" })),
    ];
    let run = site.run_once("failure", tasks, LONG).await.run;
    let states = site.ledger().of_run(run).await;
    let states: Vec<_> =
        states.into_iter().map(|one| (one.instance.task_id.to_string(), one.instance.state, one.instance.reason)).collect();
    let expect = |task: &str, state, reason| (task.to_owned(), state, reason);
    for expected in [
        expect("bad", TaskStateName::Failed, Some(Reason::Fatal)),
        expect("good", TaskStateName::Success, None),
        expect("beside", TaskStateName::Success, None),
        expect("both", TaskStateName::UpstreamFailed, Some(Reason::UpstreamFailed)),
        expect("below", TaskStateName::UpstreamFailed, Some(Reason::UpstreamFailed)),
        expect("whatever", TaskStateName::Success, None),
    ] {
        assert!(states.contains(&expected), "{expected:?} is not among {states:?}");
    }
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Failed);
    assert_eq!(site.ledger().of_task(run, "bad").await.tries.len(), 1, "a fatal error is not tried again");
}

/// A skipped task skips what needs it; the run succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn skips_pass_on() {
    let site = site().await;
    let tasks =
        vec![task("skipped", &json!({ "do": "skip", "message": "nothing to do" }), &[]), task("after", &json!({}), &["skipped"])];
    let run = site.run_once("skips", tasks, LONG).await.run;
    let skipped = site.ledger().of_task(run, "skipped").await;
    assert_eq!((skipped.instance.state, skipped.instance.reason), (TaskStateName::Skipped, Some(Reason::SkippedByTask)));
    assert_eq!(skipped.tries[0].ending, TryEnding::Skip);
    let after = site.ledger().of_task(run, "after").await;
    assert_eq!((after.instance.state, after.instance.reason), (TaskStateName::Skipped, Some(Reason::SkippedByRule)));
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success);
}

/// What a task returned and pushed is the input of the next.
#[tokio::test(flavor = "multi_thread")]
async fn results_are_passed_on() {
    let site = site().await;
    let tasks = vec![
        task("made", &json!({ "do": "echo", "value": { "rows": [1, 2, 3] } }), &[]),
        task("pushed", &json!({ "do": "xcom", "push": { "extra": "more" } }), &[]),
        task("large", &json!({ "do": "huge", "bytes": 300_000 }), &[]),
        task(
            "passed",
            &json!({ "do": "echo", "value": [{ "$from": "made" }, { "$from": "pushed", "key": "extra" }, { "$from": "large" }] }),
            &[],
        ),
        task("pulled", &json!({ "do": "xcom", "pull": [["made", "return_value"], ["pushed", "extra"]] }), &["made", "pushed"]),
    ];
    let run = site.run_once("passing", tasks, LONG).await.run;
    let ledger = site.ledger();
    assert_eq!(ledger.run(run).await.state, RunStateName::Success, "{:?}", ledger.of_run(run).await);
    let pulled = ledger.xcom(run, "pulled", "return_value").await;
    assert_eq!(pulled, json!({ "pulled": [{ "rows": [1, 2, 3] }, "more"], "problems": [] }));
    // It is larger than what a row holds, so both lie in the object store.
    let passed = ledger.of_task(run, "passed").await;
    assert!(passed.tries[0].receipt.output_bytes > 300_000 && passed.tries[0].receipt.input_bytes > 300_000, "{passed:?}");
}

/// No more runs of a dag at once than it allows, however many are asked for at once.
#[tokio::test(flavor = "multi_thread")]
async fn runs_wait_for_their_turn() {
    let site = site().await;
    let mut definition = of("narrow", vec![task("slow", &json!({ "do": "sleep", "ms": 150 }), &[])]);
    definition["max_active_runs"] = json!(2);
    let dag = site.apply(definition).await;
    futures::future::join_all((0..10).map(|_| site.trigger(&dag))).await;
    // What is recorded is looked at, not compared by its times: schedulers read their clocks before they see each other.
    let watching = async {
        let mut most = 0;
        loop {
            let runs = site.ledger().runs().await;
            most = most.max(runs.iter().filter(|run| run.state == RunStateName::Running).count());
            if runs.iter().all(|run| run.ended_at.is_some()) {
                return (most, runs);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (most, runs) = tokio::time::timeout(LONG, watching).await.expect("all runs end");
    assert_eq!(runs.iter().filter(|run| run.state == RunStateName::Success).count(), 10);
    assert_eq!(most, 2);
}

/// Tasks of a pool take its slots.
#[tokio::test(flavor = "multi_thread")]
async fn pools_limit_what_runs() {
    let site = Site::start(SiteOptions::default()).await;
    // The test leads, so that no scheduler replaces the policy.
    site.queue.lead("policy", "the test", Duration::from_secs(600)).await.unwrap().expect("nobody leads yet");
    let pool = "narrow".parse().unwrap();
    let policy = ClaimPolicy { pools: vec![(site.context.tenant, pool, 3)], ..ClaimPolicy::default() };
    site.queue.set_policy(&policy).await.unwrap();
    let _roles = (site.scheduler().await, site.worker().await, site.worker().await);
    let pooled = |n: usize, slots: u32| {
        let task = task(&format!("pooled_{n}"), &json!({ "do": "sleep", "ms": 100 }), &[]);
        with(task, json!({ "pool": "narrow", "pool_slots": slots }))
    };
    let mut tasks: Vec<Value> = (0..9).map(|n| pooled(n, 1)).collect();
    tasks.push(pooled(9, 3));
    let run = site.run_once("pools", tasks, LONG).await.run;
    let tries = site.ledger().of_run(run).await;
    let times = |one: &Recorded| (one.tries[0].started_at.unwrap(), one.tries[0].ended_at);
    assert_eq!(most_at_once(tries.iter().map(times)), 3);
    let (began, ended) = times(&tries[9]);
    assert!(tries[..9].iter().map(times).all(|(from, to)| to <= began || from >= ended), "the one with three slots ran alone");
}

/// What a tenant may have at once is read from PostgreSQL and kept to by the queue.
#[tokio::test(flavor = "multi_thread")]
async fn tenants_have_their_share() {
    let site = Site::start(SiteOptions::default()).await;
    let mut tx = site.store.begin(&site.context).await.unwrap();
    tenants::set_policy(&mut tx, Some(2), 1, &TenantRules::default()).await.unwrap();
    tx.commit().await.unwrap();
    let watched = Disturbed::new(site.connect_queue().await);
    let _roles = (site.scheduler_on(watched.clone()), site.worker().await);
    tokio::time::timeout(LONG, watched.policy_set()).await.expect("the leader sets the policy");
    let tasks = (0..8).map(|n| task(&format!("task_{n}"), &json!({ "do": "sleep", "ms": 100 }), &[])).collect();
    let run = site.run_once("share", tasks, LONG).await.run;
    let tries = site.ledger().of_run(run).await;
    assert_eq!(most_at_once(tries.iter().map(|one| (one.tries[0].started_at.unwrap(), one.tries[0].ended_at))), 2);
}

/// How many of these spans overlap at most.
fn most_at_once(spans: impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)>) -> i32 {
    let mut moments: Vec<(DateTime<Utc>, i32)> = spans.flat_map(|(from, to)| [(from, 1), (to, -1)]).collect();
    // What ends goes before what begins at the same moment.
    moments.sort();
    let mut now = 0;
    moments
        .into_iter()
        .map(|(_, change)| {
            now += change;
            now
        })
        .max()
        .unwrap_or(0)
}
