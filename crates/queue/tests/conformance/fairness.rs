//! Tenants share: what one has waiting does not slow the others.

use crate::subject::{Subject, leases, message, messages, pool, request, share, tenant};
use cofferdam_ids::QueueName;
use cofferdam_queue::{ClaimPolicy, ClaimRequest, TenantPolicy};
use cofferdam_test_support::redis::RedisServer;

fn weights(weights: &[(u128, u32)]) -> ClaimPolicy {
    let policy = |weight| TenantPolicy { max_leased: None, weight };
    ClaimPolicy { tenants: weights.iter().map(|(owner, weight)| (tenant(*owner), policy(*weight))).collect(), pools: Vec::new() }
}

#[tokio::test]
async fn a_neighbour_with_100_000_messages_takes_half_and_no_more() {
    for subject in Subject::all().await {
        assert_eq!(subject.enqueue(&messages(1, 0, 100_000)).await, 100_000);
        // Part of the backlog is done already: the neighbour has had its turns for a while.
        for _ in 0..10 {
            let claims = subject.claim(50).await;
            assert_eq!(share(&claims, 1), 50);
            subject.queue.ack(&leases(&claims)).await.unwrap();
        }
        subject.enqueue(&messages(2, 200_000, 30)).await;
        for _ in 0..3 {
            let claims = subject.claim(20).await;
            assert_eq!((share(&claims, 1), share(&claims, 2)), (10, 10), "{}", subject.name);
        }
        assert_eq!(share(&subject.claim(20).await, 1), 20, "{}: the neighbour takes what nobody else wants", subject.name);
    }
}

#[tokio::test]
async fn a_tenant_that_comes_with_few_at_a_time_does_not_pass_in_front_each_time() {
    for subject in Subject::all().await {
        subject.enqueue(&messages(1, 0, 100)).await;
        let mut served = [0, 0];
        for round in 0..20 {
            subject.enqueue(&[message(2, 1_000 + round)]).await;
            let claims = subject.claim(1).await;
            served[0] += share(&claims, 1);
            served[1] += share(&claims, 2);
        }
        assert_eq!(served, [10, 10], "{}", subject.name);
    }
}

#[tokio::test]
async fn weights_divide_the_turns() {
    for subject in Subject::all().await {
        subject.queue.set_policy(&weights(&[(1, 3), (2, 1), (3, 2)])).await.unwrap();
        for owner in 1..4 {
            subject.enqueue(&messages(owner, owner * 1_000, 500)).await;
        }
        let claims = subject.claim(600).await;
        assert_eq!([1, 2, 3].map(|owner| share(&claims, owner)), [300, 100, 200], "{}", subject.name);
    }
}

#[tokio::test]
async fn who_was_away_has_not_saved_up_turns() {
    for subject in Subject::all().await {
        subject.enqueue(&messages(1, 0, 1_000)).await;
        subject.enqueue(&messages(2, 5_000, 1)).await;
        subject.claim(501).await;
        subject.enqueue(&messages(2, 6_000, 400)).await;
        let claims = subject.claim(100).await;
        assert_eq!((share(&claims, 1), share(&claims, 2)), (50, 50), "{}", subject.name);
    }
}

#[tokio::test]
async fn a_slow_queue_keeps_its_own_turns() {
    for subject in Subject::all().await {
        subject.queue.set_policy(&weights(&[(1, 2)])).await.unwrap();
        let gpu = QueueName::new("gpu").unwrap();
        for owner in [1, 2] {
            let mut batch = messages(owner, owner * 1_000, 100);
            batch.iter_mut().for_each(|message| message.queue = gpu.clone());
            subject.enqueue(&batch).await;
        }
        subject.enqueue(&messages(3, 10_000, 900)).await;
        let slow = ClaimRequest { queues: vec![gpu], ..request(1) };
        let mut served = [0, 0];
        for _ in 0..30 {
            // The default queue moves much faster meanwhile.
            subject.claim(30).await;
            let claims = subject.queue.claim(&slow).await.unwrap();
            served[0] += share(&claims, 1);
            served[1] += share(&claims, 2);
        }
        assert_eq!(served, [20, 10], "{}", subject.name);
    }
}

/// How many commands the server has carried out, those inside functions included.
fn commands_run(server: &RedisServer) -> u64 {
    let statistics = server.command("INFO commandstats").unwrap();
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    statistics.lines().filter_map(calls).sum()
}

#[tokio::test]
async fn a_claim_in_redis_does_the_same_work_whatever_waits_behind_the_heads() {
    let server = RedisServer::start().unwrap();
    let mut work = Vec::new();
    for backlog in [100, 50_000] {
        let subject = Subject::redis_on(&server, &format!("backlog-{backlog}")).await;
        let blocked = pool("blocked");
        subject
            .queue
            .set_policy(&ClaimPolicy { tenants: Vec::new(), pools: vec![(tenant(1), blocked.clone(), 0)] })
            .await
            .unwrap();
        let mut batch = messages(1, 0, backlog);
        // Half of the backlog has no room at all.
        batch.iter_mut().step_by(2).for_each(|message| message.pool = blocked.clone());
        subject.enqueue(&batch).await;
        subject.enqueue(&messages(2, 200_000, 10)).await;
        let before = commands_run(&server);
        let claims = subject.claim(20).await;
        work.push(commands_run(&server) - before);
        assert_eq!((share(&claims, 1), share(&claims, 2)), (10, 10));
    }
    assert_eq!(work[0], work[1]);
    assert!(work[0] < 100, "one claim of 20 took {} commands", work[0]);
}
