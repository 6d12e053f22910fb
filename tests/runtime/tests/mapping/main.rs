//! Mapped tasks and groups, from a list that another task returned to the task that takes all results, on real servers.

use cofferdam_domain::ending::Reason;
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::RunKey;
use cofferdam_queue::Queue;
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::disturbed::Disturbed;
use cofferdam_runtime_tests::ledger::Recorded;
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

async fn site(queue: QueueKind) -> Site {
    let site = Site::start(SiteOptions { queue, ..SiteOptions::default() }).await;
    std::mem::forget((site.scheduler().await, site.worker().await));
    site
}

fn with(mut task: Value, settings: Value) -> Value {
    task.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    task
}

fn echo(task_id: &str, value: &Value) -> Value {
    task(task_id, &json!({ "do": "echo", "value": value }), &[])
}

/// A task that echoes each item.
fn mapped(task_id: &str, over: &Value) -> Value {
    with(task(task_id, &json!({ "do": "echo" }), &[]), json!({ "expand": { "over": { "value": over } } }))
}

async fn instances(site: &Site, run: RunKey, task_id: &str) -> Vec<Recorded> {
    let all = site.ledger().of_run(run).await;
    all.into_iter().filter(|recorded| recorded.instance.task_id.as_str() == task_id).collect()
}

/// The index, state and reason of each instance.
async fn states(site: &Site, run: RunKey, task_id: &str) -> Vec<(i32, TaskStateName, Option<Reason>)> {
    let all = instances(site, run, task_id).await;
    all.into_iter().map(|one| (one.instance.map_index, one.instance.state, one.instance.reason)).collect()
}

/// One instance for each item; what comes after gets all results, in the order of the items; a task mapped over a mapped one
/// has an instance for each of its results.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_runs_once_for_each_item() {
    let site = site(QueueKind::Redis).await;
    let tasks = vec![
        echo("list", &json!([{ "n": 3 }, { "n": 1 }, { "n": 2 }])),
        mapped("each", &json!({ "$from": "list" })),
        mapped("again", &json!({ "$from": "each" })),
        echo(
            "join",
            &json!({ "each": { "$from": "each" }, "again": { "$from": "again" }, "second": { "$from": "each", "path": "/1/n" } }),
        ),
        with(
            task("context", &json!({}), &[]),
            json!({ "expand": { "over": { "do": ["context", "context"], "letter": { "$param": "letters" } } } }),
        ),
        echo("contexts", &json!({ "$from": "context" })),
    ];
    let mut dag = of("fan", tasks);
    dag["params"] = json!({ "letters": { "a": 1, "b": 2 } });
    let dag = site.apply(dag).await;
    let run = site.trigger(&dag).await.run;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success);
    let list = json!([{ "n": 3 }, { "n": 1 }, { "n": 2 }]);
    assert_eq!(site.ledger().xcom(run, "join", "return_value").await, json!({ "each": list, "again": list, "second": 1 }));
    for task in ["each", "again"] {
        let expected: Vec<_> = (0..3).map(|index| (index, TaskStateName::Success, None)).collect();
        assert_eq!(states(&site, run, task).await, expected, "{task}");
    }
    let contexts = site.ledger().xcom(run, "contexts", "return_value").await;
    let indexes: Vec<_> = contexts.as_array().unwrap().iter().map(|context| context["map_index"].clone()).collect();
    assert_eq!(indexes, [0, 1, 2, 3]);
    assert_ne!(contexts[0]["idempotency_key"], contexts[1]["idempotency_key"]);
}

/// Instances have the names that their template gives them, from what they were given. One whose template has nothing to say has none, and
/// runs all the same.
#[tokio::test(flavor = "multi_thread")]
async fn instances_have_names() {
    let site = site(QueueKind::Memory).await;
    let named = |task_id: &str, template: &str| {
        with(mapped(task_id, &json!(["oslo", "rome"])), json!({ "map_index_template": template }))
    };
    let tasks = vec![named("each", "{{ input.value }} {{ ti.map_index }}"), named("none", "{{ input.nothing.there }}")];
    let run = site.run_once("names", tasks, LONG).await.run;
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success);
    let names = async |task: &str| -> Vec<Option<String>> {
        instances(&site, run, task).await.into_iter().map(|one| one.instance.name).collect()
    };
    assert_eq!(names("each").await, [Some("oslo 0".to_owned()), Some("rome 1".to_owned())]);
    assert_eq!(names("none").await, [None, None]);
}

/// Trigger rules look at all instances.
#[tokio::test(flavor = "multi_thread")]
async fn trigger_rules_look_at_every_instance() {
    let site = site(QueueKind::Memory).await;
    let rule =
        |rule: &str| with(echo(rule, &json!({ "$from": "some" })), json!({ "trigger_rule": rule, "depends_on": ["some"] }));
    let some = with(
        task("some", &json!({ "value": 7, "message": "m" }), &[]),
        json!({ "expand": { "over": { "do": ["echo", "fatal", "skip", "echo"] } } }),
    );
    let rules = ["all_success", "all_failed", "all_done", "one_failed", "one_success", "none_failed", "none_skipped", "one_done"];
    let mut tasks = vec![some];
    tasks.extend(rules.map(rule));
    let run = site.run_once("rules", tasks, LONG).await.run;
    let some: Vec<_> = states(&site, run, "some").await.into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(some, [TaskStateName::Success, TaskStateName::Failed, TaskStateName::Skipped, TaskStateName::Success]);
    for (rule, expected) in [
        ("all_success", TaskStateName::UpstreamFailed),
        ("all_failed", TaskStateName::Skipped),
        ("all_done", TaskStateName::Success),
        ("one_failed", TaskStateName::Success),
        ("one_success", TaskStateName::Success),
        ("none_failed", TaskStateName::UpstreamFailed),
        ("none_skipped", TaskStateName::Skipped),
        ("one_done", TaskStateName::Success),
    ] {
        let found = states(&site, run, rule).await;
        // `all_success` is skipped or upstream_failed, by what came first: neither runs.
        if rule == "all_success" {
            assert_ne!(found[0].1, TaskStateName::Success, "{rule}");
        } else {
            assert_eq!(found[0].1, expected, "{rule}");
        }
    }
    assert_eq!(site.ledger().xcom(run, "all_done", "return_value").await, json!([7, 7]));
}

/// No item: skipped, and what needs it too. No list: it fails, or goes the way of the task that should have made it.
#[tokio::test(flavor = "multi_thread")]
async fn without_items_there_is_nothing_to_run() {
    let site = site(QueueKind::Memory).await;
    let all_done = |task: Value| with(task, json!({ "trigger_rule": "all_done" }));
    let tasks = vec![
        echo("none", &json!([])),
        mapped("empty", &json!({ "$from": "none" })),
        mapped("empty_again", &json!({ "$from": "empty" })),
        echo("after", &json!({ "$from": "empty" })),
        all_done(echo("anyway", &json!({ "$from": "empty" }))),
        all_done(mapped("over_skipped", &json!({ "$from": "empty" }))),
        echo("text", &json!("words")),
        mapped("over_text", &json!({ "$from": "text" })),
        task("broken", &json!({ "do": "fatal", "message": "no" }), &[]),
        all_done(mapped("over_broken", &json!({ "$from": "broken" }))),
        all_done(mapped("with_default", &json!({ "$from": "broken", "default": [1] }))),
        with(
            task("uneven", &json!({ "do": "echo" }), &[]),
            json!({ "expand": { "mode": "zip", "over": { "value": { "$from": "none" }, "other": [1] } } }),
        ),
    ];
    let run = site.run_once("nothing", tasks, LONG).await.run;
    for (task, expected) in [
        ("empty", (-1, TaskStateName::Skipped, Some(Reason::NothingToMap))),
        ("empty_again", (-1, TaskStateName::Skipped, Some(Reason::SkippedByRule))),
        ("after", (-1, TaskStateName::Skipped, Some(Reason::SkippedByRule))),
        ("anyway", (-1, TaskStateName::Success, None)),
        ("over_skipped", (-1, TaskStateName::Skipped, Some(Reason::SkippedByRule))),
        ("over_text", (-1, TaskStateName::Failed, Some(Reason::InvalidInput))),
        ("over_broken", (-1, TaskStateName::UpstreamFailed, Some(Reason::UpstreamFailed))),
        ("with_default", (0, TaskStateName::Success, None)),
        ("uneven", (-1, TaskStateName::Failed, Some(Reason::InvalidInput))),
    ] {
        assert_eq!(states(&site, run, task).await, [expected], "{task}");
    }
    assert_eq!(site.ledger().xcom(run, "anyway", "return_value").await, json!([]));
    let message = |recorded: &Recorded| recorded.tries[0].message.clone().unwrap();
    let over_text = instances(&site, run, "over_text").await;
    assert_eq!(message(&over_text[0]), "expand/over/value: a task is mapped over a list or an object, not a string");
}

/// A group runs once for each item, each task of it beside the others of its index; what comes after gets lists. Two lists go together as
/// they do for tasks; one index fails by itself, and is run anew by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_runs_once_for_each_item() {
    let site = site(QueueKind::Redis).await;
    let member = |task: Value| with(task, json!({ "group": "each" }));
    let tasks = vec![
        echo("list", &json!([{ "n": 3 }, { "n": 1 }, { "n": 2 }])),
        member(echo("fetch", &json!({ "row": { "$item": "row" }, "name": "{{ item.letter }}{{ item.row.n }}" }))),
        member(with(
            task("check", &json!({ "do": { "$item": "does" }, "message": "m", "value": 1 }), &["fetch"]),
            json!({ "map_index_template": "{{ item.letter }}" }),
        )),
        member(with(
            echo(
                "store",
                &json!({ "fetched": { "$from": "fetch", "path": "/name" }, "pulled": "{{ ti.xcom_pull('fetch').row.n }}" }),
            ),
            json!({ "depends_on": ["check"] }),
        )),
        member(with(
            echo("tell", &json!("{{ ti.map_index }}")),
            json!({ "depends_on": ["check"], "trigger_rule": "one_failed" }),
        )),
        with(
            echo("join", &json!({ "stored": { "$from": "store" }, "told": { "$from": "tell" } })),
            json!({ "trigger_rule": "all_done" }),
        ),
    ];
    let mut dag = of("grouped", tasks);
    dag["params"] = json!({ "letters": ["a", "b", "c"] });
    dag["groups"] = json!({ "each": { "expand": { "mode": "zip", "over": {
        "row": { "$from": "list" }, "letter": { "$param": "letters" }, "does": ["echo", "fatal", "echo"],
    } } } });
    let dag = site.apply(dag).await;
    let run = site.trigger(&dag).await.run;
    site.ledger().until_all_runs_ended(LONG).await;
    let succeeded = |of: [TaskStateName; 3]| (0..3).zip(of).collect::<Vec<_>>();
    let found = async |task: &str| -> Vec<(i32, TaskStateName)> {
        states(&site, run, task).await.into_iter().map(|(index, state, _)| (index, state)).collect()
    };
    use TaskStateName::{Failed, Skipped, Success, UpstreamFailed};
    assert_eq!(found("fetch").await, succeeded([Success; 3]));
    assert_eq!(found("check").await, succeeded([Success, Failed, Success]));
    assert_eq!(found("store").await, succeeded([Success, UpstreamFailed, Success]));
    assert_eq!(found("tell").await, succeeded([Skipped, Success, Skipped]));
    let joined = json!({ "stored": [{ "fetched": "a3", "pulled": "3" }, { "fetched": "c2", "pulled": "2" }], "told": ["1"] });
    assert_eq!(site.ledger().xcom(run, "join", "return_value").await, joined);
    let names: Vec<_> = instances(&site, run, "check").await.into_iter().map(|one| one.instance.name).collect();
    assert_eq!(names, ["a", "b", "c"].map(|name| Some(name.to_owned())));
}

/// Results that lie in objects are fetched for the task that takes all; more than an input takes fails it, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn large_results_come_from_objects() {
    let site = site(QueueKind::Memory).await;
    let numbers: Vec<u32> = (0..20).collect();
    let large = |bytes: u32| {
        with(
            task(&format!("of_{bytes}"), &json!({ "do": "huge", "bytes": bytes }), &[]),
            json!({ "expand": { "over": { "number": numbers } }, "limits": { "result": "2MiB" } }),
        )
    };
    let tasks = vec![
        large(300_000),
        large(1_000_000),
        echo("joined", &json!({ "$from": "of_300000", "path": "/19" })),
        echo("too_large", &json!({ "$from": "of_1000000", "path": "/0" })),
    ];
    let dag = of("large", tasks);
    let dag = site.apply(dag).await;
    let run = site.trigger(&dag).await.run;
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(states(&site, run, "joined").await, [(-1, TaskStateName::Success, None)]);
    let too_large = instances(&site, run, "too_large").await;
    assert_eq!(too_large[0].instance.reason, Some(Reason::InvalidInput));
    let message = too_large[0].tries[0].message.clone().unwrap();
    assert!(message.starts_with("the results of the mapped task 'of_1000000' have 20000040 bytes together"), "{message}");
}

/// Whoever should have made the instances could not: a reconciler makes them.
#[tokio::test(flavor = "multi_thread")]
async fn an_expansion_that_was_lost_is_made_up_for() {
    let site = Site::start(SiteOptions { queue: QueueKind::Redis, ..SiteOptions::default() }).await;
    let dag = site.apply(of("lost", vec![mapped("each", &json!([1, 2, 3])), echo("join", &json!({ "$from": "each" }))])).await;
    // This engine's queue does not answer, so nothing that follows from its commit is done.
    let queue = Disturbed::new(site.connect_queue().await);
    queue.cut_off.store(true, Ordering::Relaxed);
    let queue: Arc<dyn Queue> = queue;
    let trigger = cofferdam_engine::Trigger::default();
    let run = site.engine_on(&queue).trigger(&site.context, &dag, trigger).await.unwrap().run;
    assert_eq!(states(&site, run, "each").await, [(-1, TaskStateName::Queued, None)]);
    std::mem::forget((site.scheduler().await, site.worker().await));
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().xcom(run, "join", "return_value").await, json!([1, 2, 3]));
}

/// A run with unfinished instances is cancelled: each of them ends, and none is made any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_with_all_its_instances() {
    let site = site(QueueKind::Redis).await;
    let tasks = vec![
        with(
            task("wait", &json!({ "do": "sleep", "ms": 3_600_000 }), &[]),
            json!({ "timeout": "1h", "expand": { "over": { "n": (0..200).collect::<Vec<_>>() } } }),
        ),
        mapped("never", &json!({ "$from": "wait" })),
    ];
    let dag = site.apply(of("cancelled", tasks)).await;
    let triggered = site.trigger(&dag).await;
    let run = triggered.run;
    site.ledger().until("all instances to be there", LONG, || async { instances(&site, run, "wait").await.len() == 200 }).await;
    site.engine.cancel_run(&site.context, &dag, &triggered.dag_run_id).await.unwrap();
    site.ledger().until_all_runs_ended(LONG).await;
    let all = site.ledger().of_run(run).await;
    assert_eq!(all.len(), 201);
    assert!(all.iter().all(|one| one.instance.reason == Some(Reason::Cancelled)));
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Failed);
}
