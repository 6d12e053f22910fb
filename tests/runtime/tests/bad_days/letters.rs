//! Messages that no worker can read, and tasks that come to nothing.

use bytes::Bytes;
use cofferdam_domain::clock::{Clock, SystemClock};
use cofferdam_domain::dead_letter::{DeadLetterKind, DeadLetterState, MAX_MESSAGE, Resolution};
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::run::RunStateName;
use cofferdam_engine::TryResult;
use cofferdam_ids::{QueueName, RunKey, WorkerId};
use cofferdam_queue::{ClaimRequest, Lease, Message, Presence};
use cofferdam_runtime_tests::dags::{of, task};
use cofferdam_runtime_tests::site::{QueueKind, Site, SiteOptions};
use cofferdam_store::Page;
use cofferdam_store::dead_letters::{self, DeadLetter, DeadLetterContent, DeadLetterFilter, DeadLetterOrder};
use serde_json::json;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// Bytes in Redis turn: the task is told of anew and runs, and what could be read of the message is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_damaged_in_redis_is_kept_and_its_task_runs() {
    let site = Site::start(SiteOptions::default()).await;
    let run = one_task(&site).await;
    let instance = site.ledger().of_task(run, "only").await.instance.id;
    let redis = site.redis.as_ref().expect("it has one");
    let line = format!("HSET {{cofferdam}}:1:body {} damaged", instance.uuid().simple());
    assert_eq!(redis.command(&line).expect("Redis answers"), ":0", "the field was there");
    let _roles = (site.scheduler().await, site.worker().await);
    site.ledger().until_all_runs_ended(LONG).await;

    let recorded = site.ledger().of_task(run, "only").await;
    let reasons: Vec<_> = recorded.tries.iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [Some(Reason::Undecodable), None]);
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success);
    let [(letter, content)] = &letters(&site).await[..] else { panic!("one letter") };
    assert_eq!((letter.kind, letter.reason), (DeadLetterKind::Message, Reason::Undecodable));
    assert_eq!((letter.state, letter.resolution), (DeadLetterState::Resolved, Some(Resolution::Succeeded)));
    assert_eq!(letter.instance.map(|(instance, _)| instance), Some(instance));
    let body = content.body.as_ref().expect("it is kept");
    assert_eq!((&body.kept[..], body.size_bytes), (&b"damaged"[..], 7));
    assert_eq!(body.queue, Some(QueueName::default_queue()));
    assert_eq!(content.history, recorded.tries[..1]);
}

/// The envelope is sound and its content is none of ours: too large to be kept whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_another_content_is_kept_in_part() {
    let site = Site::start(SiteOptions { queue: QueueKind::Memory, ..SiteOptions::default() }).await;
    let run = one_task(&site).await;
    let [claim] = &site.queue.claim(&request()).await.expect("the queue answers")[..] else { panic!("one message") };
    site.queue.remove(&[claim.lease.instance]).await.expect("the queue answers");
    let payload = Bytes::from(vec![b'x'; MAX_MESSAGE * 2]);
    site.queue.enqueue(&[Message { payload, ..claim.message.clone() }]).await.expect("the queue answers");
    let _roles = (site.scheduler().await, site.worker().await);
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success);
    let [(letter, content)] = &letters(&site).await[..] else { panic!("one letter") };
    assert!(letter.message.as_deref().is_some_and(|message| message.contains("not valid JSON")), "{letter:?}");
    let body = content.body.as_ref().expect("it is kept");
    assert_eq!((body.kept.len(), body.size_bytes), (MAX_MESSAGE, 2 * MAX_MESSAGE as u64));
}

/// A worker reports, and dies before it hears that it was recorded: the report that comes again changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_reported_twice_makes_one_letter() {
    let site = Site::start(SiteOptions::default()).await;
    let run = one_task(&site).await;
    let [claim] = &site.queue.claim(&request()).await.expect("the queue answers")[..] else { panic!("one message") };
    let result = failed(claim.lease);
    assert!(site.engine.record(std::slice::from_ref(&result)).await.expect("it is recorded").refused.is_empty());
    assert_eq!(site.engine.record(&[result]).await.expect("it is refused").refused.len(), 1);
    let [(letter, content)] = &letters(&site).await[..] else { panic!("one letter") };
    assert_eq!((letter.kind, letter.times, letter.state), (DeadLetterKind::Task, 1, DeadLetterState::Open));
    assert_eq!(content.history, site.ledger().of_task(run, "only").await.tries);
    // Nothing is filled in, so what the task was given is known from its dag.
    assert_eq!(content.rendered.as_deref(), Some(r#"{"input":{"do":"echo","value":1}}"#));
}

/// Many fail in one transaction: each has its letter, and a retry of all of them brings all of them through.
#[tokio::test(flavor = "multi_thread")]
async fn many_are_retried_at_once() {
    const TASKS: usize = 200;
    let site = Site::start(SiteOptions::default()).await;
    let tasks = (0..TASKS).map(|n| task(&format!("t{n}"), &json!({ "do": "echo", "value": n }), &[])).collect();
    let dag = site.apply(of("many", tasks)).await;
    let run = site.trigger(&dag).await.run;
    let claims = site.queue.claim(&ClaimRequest { max: TASKS, ..request() }).await.expect("the queue answers");
    let results: Vec<TryResult> = claims.iter().map(|claim| failed(claim.lease)).collect();
    let recorded = site.engine.record(&results).await.expect("they are recorded");
    site.engine.hand_over(recorded, None).await;
    assert_eq!(letters(&site).await.len(), TASKS);
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Failed);
    let done = site.engine.retry_letters(&site.context, &DeadLetterFilter::default(), false).await.expect("they are retried");
    assert_eq!((done.done.len(), done.left_out.len()), (TASKS, 0));
    let _roles = (site.scheduler().await, site.worker().await);
    site.ledger().until_all_runs_ended(LONG).await;
    assert_eq!(site.ledger().run(run).await.state, RunStateName::Success);
    assert!(letters(&site).await.iter().all(|(letter, _)| letter.state == DeadLetterState::Resolved));
}

/// A run whose one task waits in the queue.
async fn one_task(site: &Site) -> RunKey {
    let dag = site.apply(of("letters", vec![task("only", &json!({ "do": "echo", "value": 1 }), &[])])).await;
    let run = site.trigger(&dag).await.run;
    let instance = site.ledger().of_task(run, "only").await.instance.id;
    let waits = || async {
        let presence = site.queue.presence(&[instance]).await.expect("the queue answers");
        matches!(presence[..], [Presence::Waiting { .. }])
    };
    site.ledger().until("the message", LONG, waits).await;
    run
}

fn request() -> ClaimRequest {
    let worker = WorkerId::generate();
    ClaimRequest { worker, queues: vec![QueueName::default_queue()], max: 10, lease: Duration::from_secs(60) }
}

fn failed(lease: Lease) -> TryResult {
    let now = SystemClock.now();
    TryResult {
        lease,
        worker: WorkerId::generate(),
        started_at: now,
        ended_at: now,
        ending: Ending::failure(Reason::Fatal, "no"),
        receipt: Receipt::default(),
        xcoms: Vec::new(),
        artifacts: Vec::new(),
        rendered: None,
        undecodable: None,
    }
}

/// Every letter with its content, the earliest first.
async fn letters(site: &Site) -> Vec<(DeadLetter, DeadLetterContent)> {
    let mut tx = site.store.begin(&site.context).await.expect("a transaction");
    let listed = dead_letters::list(&mut tx, &DeadLetterFilter::default(), DeadLetterOrder::Earliest, Page::first(1_000)).await;
    let mut found = Vec::new();
    for letter in listed.expect("the letters can be read").items {
        let content = dead_letters::content(&mut tx, letter.id).await.expect("the letter is there");
        found.push((letter, content));
    }
    found
}
