//! Results that are hard to store.

use cofferdam_domain::clock::{Clock, SystemClock};
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::run::RunStateName;
use cofferdam_domain::task::TaskStateName;
use cofferdam_engine::{TryResult, XComWrite};
use cofferdam_ids::{QueueName, WorkerId, XComKey};
use cofferdam_queue::{ClaimRequest, Lease};
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::site::{Site, SiteOptions};
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// From the guest to the ledger: characters that PostgreSQL does not take, texts without end. Each task ends, the good ones
/// with success.
#[tokio::test(flavor = "multi_thread")]
async fn hard_results_of_guests_are_stored() {
    let site = Site::start(SiteOptions::default()).await;
    let _roles = (site.scheduler().await, site.worker().await);
    let mut tasks = vec![
        // Valid JSON, but neither a row nor many a reader takes what it stands for: the sandbox refuses it.
        task("nul", &json!({ "do": "raw", "text": "\"a\\u0000b\"" }), &[]),
        task("surrogate", &json!({ "do": "raw", "text": "\"\\ud800\"" }), &[]),
        task("text", &json!({ "do": "huge", "bytes": 1_000_000 }), &[]),
        task("endless_message", &json!({ "do": "fatal", "message": { "$from": "text" } }), &[]),
    ];
    tasks.extend((0..20).map(|n| task(&format!("good_{n}"), &json!({ "do": "echo", "value": n }), &[])));
    let run = site.run_once("hard", tasks, LONG).await.run;
    let ledger = site.ledger();
    for one in ledger.of_run(run).await {
        let task_id = one.instance.task_id.as_str();
        let expected = match task_id {
            "endless_message" => (TaskStateName::Failed, Some(Reason::Fatal)),
            "nul" | "surrogate" => (TaskStateName::Failed, Some(Reason::InvalidOutput)),
            _ => (TaskStateName::Success, None),
        };
        assert_eq!((one.instance.state, one.instance.reason), expected, "{task_id}: {:?}", one.tries);
        assert_eq!(one.tries.len(), 1, "{task_id}");
        if task_id == "endless_message" {
            assert!(one.tries[0].message.as_ref().unwrap().len() <= 16_384, "{task_id}");
        }
    }
    assert_eq!(ledger.run(run).await.state, RunStateName::Failed);
}

/// In one batch: what can be stored somehow is stored; what cannot is refused alone, and the others are recorded without it.
#[tokio::test(flavor = "multi_thread")]
async fn one_poisoned_result_does_not_block_a_batch() {
    let site = Site::start(SiteOptions::default()).await;
    let names = ["good", "nul_message", "long_message", "doubled_key", "also_good", "poison"];
    let dag = site.apply(of("batch", names.iter().map(|name| task(name, &json!({}), &[])).collect())).await;
    let run = site.trigger(&dag).await.run;
    let instances = site.ledger().of_run(run).await;
    let request = ClaimRequest {
        worker: WorkerId::generate(),
        queues: vec![QueueName::default_queue()],
        max: 10,
        lease: Duration::from_secs(60),
    };
    let claims = site.queue.claim(&request).await.unwrap();
    assert_eq!(claims.len(), names.len());
    let lease_of = |name: &str| {
        let instance = instances.iter().find(|one| one.instance.task_id.as_str() == name).unwrap().instance.id;
        claims.iter().find(|claim| claim.lease.instance == instance).unwrap().lease
    };
    let success = |xcoms: &[(&'static str, String)]| (Ending::Success { output: String::new() }, xcoms.to_vec());
    let result = |name: &str| {
        let ok = "return_value";
        let (ending, xcoms) = match name {
            "nul_message" => (Ending::failure(Reason::Fatal, "a\0b"), Vec::new()),
            "long_message" => (Ending::failure(Reason::Fatal, "ä".repeat(5_000_000)), Vec::new()),
            "doubled_key" => success(&[(ok, "1".to_owned()), ("k", "2".to_owned()), (ok, "3".to_owned()), ("k", "4".to_owned())]),
            "poison" => success(&[(ok, "\"a raw \0\"".to_owned())]),
            _ => success(&[(ok, json!(name).to_string())]),
        };
        reported(lease_of(name), ending, &xcoms)
    };
    let batch: Vec<TryResult> = names[..5].iter().map(|name| result(name)).collect();
    assert!(site.engine.record(&batch).await.unwrap().refused.is_empty());
    let ledger = site.ledger();
    assert_eq!(ledger.xcom(run, "good", "return_value").await, json!("good"));
    assert_eq!(ledger.xcom(run, "also_good", "return_value").await, json!("also_good"));
    assert_eq!(ledger.xcom(run, "doubled_key", "return_value").await, json!(3));
    assert_eq!(ledger.xcom(run, "doubled_key", "k").await, json!(4));
    assert_eq!(ledger.of_task(run, "nul_message").await.tries[0].message.as_deref(), Some("ab"));
    assert!(ledger.of_task(run, "long_message").await.tries[0].message.as_ref().unwrap().chars().count() >= 1_000);

    // What cannot be stored is an error that trying again does not mend, so that its worker does not try for ever.
    let error = site.engine.record(&[result("poison")]).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(ledger.of_task(run, "poison").await.tries.len(), 0, "nothing of it was stored");
    assert_eq!(ledger.run(run).await.unfinished, 1);
}

/// A dag that nobody could store is refused when it is applied, with words.
#[tokio::test(flavor = "multi_thread")]
async fn a_definition_with_a_nul_is_refused() {
    let site = Site::start(SiteOptions::default()).await;
    let definition: Value = of("nul", vec![task("nul", &json!({ "do": "echo", "value": "a\0b" }), &[])]);
    let applied = site.engine.apply_dag(&site.context, definition, cofferdam_engine::ApplyOptions::default()).await;
    let error = applied.unwrap_err();
    assert!(!format!("{error:?}").contains("Internal"), "{error:?}");
}

fn reported(lease: Lease, ending: Ending, xcoms: &[(&str, String)]) -> TryResult {
    let now = SystemClock.now();
    TryResult {
        lease,
        worker: WorkerId::generate(),
        started_at: now,
        ended_at: now,
        ending,
        receipt: Receipt::default(),
        artifacts: Vec::new(),
        rendered: None,
        undecodable: None,
        xcoms: xcoms
            .iter()
            .map(|(key, value)| XComWrite {
                key: XComKey::new(key).unwrap(),
                value: XComValue::Inline(value.clone()),
                size_bytes: value.len() as u64,
            })
            .collect(),
    }
}
