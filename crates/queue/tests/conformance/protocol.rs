//! Leases, replaced tries, signals, heartbeats and leaders.

use crate::subject::{Subject, instance, leases, message, messages, request, shared_server, start, worker};
use chrono::TimeDelta;
use cofferdam_ids::QueueName;
use cofferdam_queue::{
    Claim, ClaimPolicy, ExpiredLease, Lease, Presence, Signal, TenantPolicy, TurnOver, TurnedOver, WorkerBeat,
};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_message_comes_out_as_it_went_in_and_once() {
    for subject in Subject::all().await {
        let mut sent = message(1, 1);
        sent.try_number = 7;
        sent.queue = QueueName::new("gpu.large~1").unwrap();
        sent.pool_slots = 3;
        sent.priority = -4;
        sent.queued_at = start() + TimeDelta::microseconds(123_457);
        sent.not_before = Some(start());
        sent.payload = (0..=255_u8).cycle().take(10_000).collect();
        assert_eq!(subject.enqueue(&[sent.clone(), sent.clone()]).await, 1, "{}", subject.name);
        assert_eq!(subject.enqueue(&[sent.clone()]).await, 0, "{}", subject.name);
        assert!(subject.claim(9).await.is_empty(), "{}: nobody serves its queue yet", subject.name);
        let mut wanted = request(9);
        wanted.queues.push(sent.queue.clone());
        let claims = subject.queue.claim(&wanted).await.unwrap();
        assert_eq!(claims.iter().map(|claim| &claim.message).collect::<Vec<_>>(), [&sent], "{}", subject.name);
        assert_eq!(subject.enqueue(&[sent]).await, 0, "{}: a leased message stays as it is", subject.name);
    }
}

#[tokio::test]
async fn a_higher_try_replaces_a_lower_one_even_when_that_is_leased() {
    for subject in Subject::all().await {
        let first = message(1, 1);
        let mut second = first.clone();
        second.try_number = 2;
        subject.enqueue(std::slice::from_ref(&first)).await;
        let old = leases(&subject.claim(1).await);
        assert_eq!(subject.enqueue(&[second]).await, 1, "{}", subject.name);
        assert_eq!(subject.queue.presence(&[instance(1)]).await.unwrap(), [Presence::Waiting { try_number: 2 }]);
        assert_eq!(subject.queue.extend(&old, MINUTE).await.unwrap(), old, "{}: the holder must stop", subject.name);
        assert_eq!(subject.queue.ack(&old).await.unwrap(), 0, "{}", subject.name);
        assert_eq!(subject.enqueue(&[first]).await, 0, "{}: a lower try comes too late", subject.name);
        let new = leases(&subject.claim(1).await);
        assert_eq!((new[0].try_number, new[0].token > old[0].token), (2, true), "{}", subject.name);
    }
}

#[tokio::test]
async fn a_lease_ends_when_nobody_prolongs_it() {
    for subject in Subject::all().await {
        subject.enqueue(&messages(1, 1, 2)).await;
        let claims = leases(&subject.claim(2).await);
        subject.advance(59);
        assert!(subject.queue.expire(9).await.unwrap().is_empty(), "{}", subject.name);
        assert!(subject.queue.extend(&claims[..1], MINUTE).await.unwrap().is_empty(), "{}", subject.name);
        subject.advance(1);
        let ended = subject.queue.expire(9).await.unwrap();
        let tenant = message(1, 1).tenant;
        assert_eq!(ended, [ExpiredLease { lease: claims[1], tenant, worker: worker(1) }], "{}", subject.name);
        assert_eq!(subject.queue.extend(&claims, MINUTE).await.unwrap(), &claims[1..], "{}", subject.name);
        assert_eq!(subject.queue.ack(&claims).await.unwrap(), 1, "{}: the late one is not acknowledged", subject.name);
        assert_eq!(subject.queue.presence(&[instance(1), instance(2)]).await.unwrap(), [Presence::Absent; 2]);
    }
}

/// What is ended makes room for what is put in, and that can be claimed, all in one call.
#[tokio::test]
async fn results_messages_and_a_claim_are_told_together() {
    for subject in Subject::all().await {
        let only_one = TenantPolicy { max_leased: Some(1), weight: 1 };
        let policy = ClaimPolicy { tenants: vec![(message(1, 1).tenant, only_one)], pools: vec![] };
        subject.queue.set_policy(&policy).await.unwrap();
        let wanted = request(9);
        let nothing = subject.queue.turn_over(&TurnOver::default()).await.unwrap();
        assert_eq!(nothing, TurnedOver::default(), "{}", subject.name);

        let first = messages(1, 1, 1);
        let turn = TurnOver { messages: &first, claim: Some(&wanted), ..TurnOver::default() };
        let started = subject.queue.turn_over(&turn).await.unwrap();
        assert_eq!((started.added, started.claims.len()), (1, 1), "{}", subject.name);

        // More than one chunk of each; of the claims, all but the first are unknown and passed over.
        let ended: Vec<Lease> = std::iter::repeat_n(started.claims[0].lease, 1_500).collect();
        let more = messages(1, 2, 1_500);
        let turn = TurnOver { ended: &ended, messages: &more, claim: Some(&wanted) };
        let turned = subject.queue.turn_over(&turn).await.unwrap();
        assert_eq!(turned.added, 1_500, "{}", subject.name);
        assert_eq!(turned.claims.len(), 1, "{}: the tenant's only slot is free again", subject.name);
        // The tenant has no room for these: another worker, with a policy of tomorrow, is told of them.
        let mut signals = subject.queue.subscribe().await.unwrap();
        let left = messages(1, 2_000, 1);
        let turn = TurnOver { messages: &left, claim: Some(&wanted), ..TurnOver::default() };
        assert!(subject.queue.turn_over(&turn).await.unwrap().claims.is_empty(), "{}", subject.name);
        let signal = tokio::time::timeout(MINUTE, signals.next()).await.expect("a signal");
        assert_eq!(signal, Some(Signal::Enqueued), "{}", subject.name);
        let told = subject.queue.turn_over(&TurnOver { ended: &leases(&turned.claims), ..TurnOver::default() }).await.unwrap();
        assert_eq!(told, TurnedOver::default(), "{}: nothing is claimed unasked", subject.name);
        assert_eq!(subject.queue.presence(&[turned.claims[0].message.instance]).await.unwrap(), [Presence::Absent]);
    }
}

#[tokio::test]
async fn a_message_given_back_goes_to_somebody_else_under_a_later_token() {
    for subject in Subject::all().await {
        subject.enqueue(&messages(1, 1, 1)).await;
        let old = leases(&subject.claim(1).await);
        assert_eq!(subject.queue.release(&[old[0], old[0]]).await.unwrap(), 1, "{}", subject.name);
        let new = leases(&subject.claim(1).await);
        assert!(new[0].token > old[0].token, "{}", subject.name);
        assert_eq!(subject.queue.ack(&old).await.unwrap(), 0, "{}: the first holder has no say any more", subject.name);
        assert_eq!(subject.queue.ack(&new).await.unwrap(), 1, "{}", subject.name);
    }
}

#[tokio::test]
async fn each_message_goes_to_one_of_many_claimers() {
    for subject in Subject::all().await {
        subject.enqueue(&messages(1, 0, 1_500)).await;
        subject.enqueue(&messages(2, 5_000, 1_500)).await;
        let claimers = (0..8).map(|number| {
            let queue = subject.queue.clone();
            tokio::spawn(async move {
                let mut got: Vec<Claim> = Vec::new();
                loop {
                    let mut request = request(7);
                    request.worker = worker(number);
                    let claims = queue.claim(&request).await.unwrap();
                    if claims.is_empty() {
                        return got;
                    }
                    got.extend(claims);
                }
            })
        });
        let got: Vec<Claim> =
            futures::future::join_all(claimers).await.into_iter().flat_map(|claimer| claimer.unwrap()).collect();
        let instances: BTreeSet<_> = got.iter().map(|claim| claim.lease.instance).collect();
        let tokens: BTreeSet<_> = got.iter().map(|claim| claim.lease.token.0).collect();
        assert_eq!((got.len(), instances.len(), tokens.len()), (3_000, 3_000, 3_000), "{}", subject.name);
        assert_eq!(subject.queue.ack(&leases(&got)).await.unwrap(), 3_000, "{}", subject.name);
    }
}

#[tokio::test]
async fn subscribers_hear_what_happens() {
    for subject in Subject::all().await {
        let mut first = subject.queue.subscribe().await.unwrap();
        let mut second = subject.queue.subscribe().await.unwrap();
        subject.enqueue(&messages(1, 1, 1)).await;
        subject.enqueue(&messages(1, 1, 1)).await; // Adds nothing, says nothing.
        let cancel = Signal::Cancel { instances: vec![instance(1)] };
        let event = Signal::Event { tenant: message(1, 1).tenant, payload: "{\"a\":\"é\"}".into() };
        for signal in [&cancel, &Signal::Schedule, &event] {
            subject.queue.publish(signal).await.unwrap();
        }
        for subscriber in [&mut first, &mut second] {
            let heard: Vec<Signal> = subscriber.take(4).collect().await;
            assert_eq!(heard, [Signal::Enqueued, cancel.clone(), Signal::Schedule, event.clone()], "{}", subject.name);
        }
        let claims = subject.claim(1).await;
        subject.queue.release(&leases(&claims)).await.unwrap();
        assert_eq!(first.next().await, Some(Signal::Enqueued), "{}: given back", subject.name);
    }
}

#[tokio::test]
async fn a_worker_is_alive_as_long_as_it_says_so() {
    for subject in Subject::all().await {
        let beat = |number, busy| WorkerBeat {
            worker: worker(number),
            name: "host:1".into(),
            queues: vec![QueueName::default_queue()],
            slots: 8,
            busy,
            started_at: start(),
            draining: busy == 0,
            walls: Vec::new(),
        };
        subject.queue.beat(&beat(2, 1), MINUTE).await.unwrap();
        subject.queue.beat(&beat(1, 1), MINUTE).await.unwrap();
        subject.advance(30);
        subject.queue.beat(&beat(1, 0), MINUTE).await.unwrap();
        assert_eq!(subject.queue.workers().await.unwrap(), [beat(1, 0), beat(2, 1)], "{}", subject.name);
        subject.advance(30);
        assert_eq!(subject.queue.workers().await.unwrap(), [beat(1, 0)], "{}", subject.name);
        subject.advance(30);
        assert!(subject.queue.workers().await.unwrap().is_empty(), "{}", subject.name);
    }
}

#[tokio::test]
async fn one_leads_at_a_time_and_each_leadership_has_a_higher_fence() {
    for subject in Subject::all().await {
        let queue = &subject.queue;
        let first = queue.lead("reaper", "a", MINUTE).await.unwrap().unwrap();
        assert_eq!(queue.lead("reaper", "b", MINUTE).await.unwrap(), None, "{}", subject.name);
        assert!(queue.lead("backfill", "b", MINUTE).await.unwrap().is_some(), "{}: roles are apart", subject.name);
        subject.advance(40);
        assert_eq!(queue.lead("reaper", "a", MINUTE).await.unwrap(), Some(first), "{}: it goes on", subject.name);
        subject.advance(40);
        assert_eq!(queue.lead("reaper", "b", MINUTE).await.unwrap(), None, "{}", subject.name);
        subject.advance(20);
        let second = queue.lead("reaper", "b", MINUTE).await.unwrap().unwrap();
        assert!(second > first, "{}", subject.name);
        queue.resign("reaper", "a").await.unwrap();
        assert_eq!(queue.lead("reaper", "a", MINUTE).await.unwrap(), None, "{}: only the holder resigns", subject.name);
        queue.resign("reaper", "b").await.unwrap();
        let third = queue.lead("reaper", "a", MINUTE).await.unwrap().unwrap();
        assert!(third > second, "{}", subject.name);
    }
}

#[tokio::test]
async fn installations_with_different_prefixes_do_not_see_each_other() {
    let one = Subject::redis_on(shared_server(), "installation-1").await;
    let other = Subject::redis_on(shared_server(), "installation-2").await;
    one.enqueue(&messages(1, 1, 1)).await;
    assert!(other.claim(1).await.is_empty());
    assert_eq!(one.claim(1).await.len(), 1);
}
