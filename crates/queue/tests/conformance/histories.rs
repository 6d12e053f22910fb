//! Random histories: whatever is done, in whatever order, the queue answers as the model does.

use crate::model::Model;
use crate::subject::{Subject, instance, message, pool, start, tenant, worker};
use chrono::TimeDelta;
use cofferdam_domain::clock::Clock;
use cofferdam_ids::{QueueName, TaskInstanceId};
use cofferdam_queue::{ClaimPolicy, ClaimRequest, Lease, Message, TenantPolicy, WorkerBeat};
use proptest::prelude::*;
use proptest::sample::Index;
use std::time::Duration;

const INSTANCES: u128 = 14;

#[derive(Clone, Debug)]
enum Step {
    Enqueue(Vec<Message>),
    Claim(ClaimRequest),
    Ack(Vec<Index>),
    Extend(Vec<Index>, u64),
    Release(Vec<Index>),
    Expire(usize),
    Remove(Vec<TaskInstanceId>),
    SetPolicy(ClaimPolicy),
    Advance(i64),
    Beat(u128, u64),
    Lead(bool, bool, u64),
    Resign(bool, bool),
}

fn queue_name(second: bool) -> QueueName {
    QueueName::new(if second { "gpu" } else { "default" }).unwrap()
}

fn any_message() -> impl Strategy<Value = Message> {
    let what = (0..INSTANCES, 1..4_u32, 0..4_u128, prop::bool::weighted(0.3), any::<bool>(), 0..4_u32);
    let when = (prop::sample::select(vec![-5000, -1000, -1, 0, 0, 0, 7]), 0..3_i64, prop::option::weighted(0.3, -2..9_i64));
    (what, when).prop_map(|((number, try_number, owner, gpu, small, pool_slots), (priority, queued, delay))| Message {
        try_number,
        queue: queue_name(gpu),
        pool: pool(if small { "small" } else { "default_pool" }),
        pool_slots,
        priority,
        queued_at: start() + TimeDelta::seconds(queued),
        not_before: delay.map(|seconds| start() + TimeDelta::seconds(seconds)),
        ..message(owner, number)
    })
}

fn any_request() -> impl Strategy<Value = ClaimRequest> {
    let queues = prop::sample::select(vec![vec![false], vec![false], vec![true], vec![true, false], vec![false, true, false]]);
    (0..3_u128, queues, 0..6_usize, 1..6_u64).prop_map(|(number, queues, max, seconds)| ClaimRequest {
        worker: worker(number),
        queues: queues.into_iter().map(queue_name).collect(),
        max,
        lease: Duration::from_secs(seconds),
    })
}

fn any_policy() -> impl Strategy<Value = ClaimPolicy> {
    let tenants = prop::collection::btree_map(0..4_u128, (prop::option::of(0..4_u32), 0..5_u32), 0..4);
    let pools = prop::collection::btree_map((0..4_u128, any::<bool>()), 0..5_u32, 0..5);
    (tenants, pools).prop_map(|(tenants, pools)| ClaimPolicy {
        tenants: tenants
            .into_iter()
            .map(|(owner, (max_leased, weight))| (tenant(owner), TenantPolicy { max_leased, weight }))
            .collect(),
        pools: pools
            .into_iter()
            .map(|((owner, small), slots)| (tenant(owner), pool(if small { "small" } else { "default_pool" }), slots))
            .collect(),
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let some = || prop::collection::vec(any::<Index>(), 0..4);
    prop_oneof![
        8 => prop::collection::vec(any_message(), 0..7).prop_map(Step::Enqueue),
        8 => any_request().prop_map(Step::Claim),
        3 => some().prop_map(Step::Ack),
        2 => (some(), 0..6_u64).prop_map(|(which, seconds)| Step::Extend(which, seconds)),
        2 => some().prop_map(Step::Release),
        1 => (0..4_usize).prop_map(Step::Expire),
        1 => prop::collection::vec((0..INSTANCES).prop_map(instance), 0..3).prop_map(Step::Remove),
        1 => any_policy().prop_map(Step::SetPolicy),
        // The clock may also go back, as clocks do.
        3 => (-1..4_i64).prop_map(Step::Advance),
        1 => (0..3_u128, 0..4_u64).prop_map(|(number, seconds)| Step::Beat(number, seconds)),
        1 => any::<(bool, bool)>().prop_flat_map(|(role, holder)| (Just(role), Just(holder), 0..4_u64))
            .prop_map(|(role, holder, seconds)| Step::Lead(role, holder, seconds)),
        1 => any::<(bool, bool)>().prop_map(|(role, holder)| Step::Resign(role, holder)),
    ]
}

fn pick(seen: &[Lease], which: &[Index]) -> Vec<Lease> {
    if seen.is_empty() { Vec::new() } else { which.iter().map(|index| *index.get(seen)).collect() }
}

async fn run(subject: Subject, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    // Every lease there ever was, so that stale ones are used too.
    let mut seen: Vec<Lease> = Vec::new();
    let everything: Vec<TaskInstanceId> = (0..INSTANCES).map(instance).collect();
    let queue = &subject.queue;
    for (at, step) in steps.iter().enumerate() {
        let now = subject.clock.now();
        let place = || format!("{}, step {at}: {step:?}", subject.name);
        match step {
            Step::Enqueue(messages) => {
                prop_assert_eq!(queue.enqueue(messages).await.unwrap(), model.enqueue(messages, now), "{}", place());
            }
            Step::Claim(request) => {
                let claims = queue.claim(request).await.unwrap();
                prop_assert_eq!(&claims, &model.claim(request, now), "{}", place());
                seen.extend(claims.iter().map(|claim| claim.lease));
            }
            Step::Ack(which) => {
                let leases = pick(&seen, which);
                prop_assert_eq!(queue.ack(&leases).await.unwrap(), model.ack(&leases), "{}", place());
            }
            Step::Extend(which, seconds) => {
                let (leases, length) = (pick(&seen, which), Duration::from_secs(*seconds));
                let lost = queue.extend(&leases, length).await.unwrap();
                prop_assert_eq!(lost, model.extend(&leases, length, now), "{}", place());
            }
            Step::Release(which) => {
                let leases = pick(&seen, which);
                prop_assert_eq!(queue.release(&leases).await.unwrap(), model.release(&leases), "{}", place());
            }
            Step::Expire(max) => {
                prop_assert_eq!(queue.expire(*max).await.unwrap(), model.expire(*max, now), "{}", place());
            }
            Step::Remove(instances) => {
                prop_assert_eq!(queue.remove(instances).await.unwrap(), model.remove(instances), "{}", place());
            }
            Step::SetPolicy(policy) => {
                queue.set_policy(policy).await.unwrap();
                model.set_policy(policy);
            }
            Step::Advance(seconds) => subject.advance(*seconds),
            Step::Beat(number, seconds) => {
                let (beat, ttl) = (beat(*number), Duration::from_secs(*seconds));
                queue.beat(&beat, ttl).await.unwrap();
                model.beat(&beat, ttl, now);
            }
            Step::Lead(role, holder, seconds) => {
                let (role, holder, ttl) = (role.to_string(), holder.to_string(), Duration::from_secs(*seconds));
                let fence = queue.lead(&role, &holder, ttl).await.unwrap();
                prop_assert_eq!(fence, model.lead(&role, &holder, ttl, now), "{}", place());
            }
            Step::Resign(role, holder) => {
                queue.resign(&role.to_string(), &holder.to_string()).await.unwrap();
                model.resign(&role.to_string(), &holder.to_string());
            }
        }
        let now = subject.clock.now();
        prop_assert_eq!(queue.presence(&everything).await.unwrap(), model.presence(&everything), "{}", place());
        prop_assert_eq!(queue.depth().await.unwrap(), model.depth(now), "{}", place());
        prop_assert_eq!(queue.workers().await.unwrap(), model.workers(now), "{}", place());
    }
    Ok(())
}

fn beat(number: u128) -> WorkerBeat {
    WorkerBeat {
        worker: worker(number),
        name: format!("host:{number}"),
        queues: vec![queue_name(false)],
        slots: 8,
        busy: 3,
        started_at: start(),
        draining: false,
        walls: Vec::new(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn the_queue_in_memory_answers_as_the_model_does() {
    let runtime = runtime();
    proptest!(ProptestConfig::with_cases(400), |(steps in prop::collection::vec(any_step(), 1..80))| {
        runtime.block_on(run(Subject::memory(), &steps))?;
    });
}

#[test]
fn the_queue_in_redis_answers_as_the_model_does() {
    let runtime = runtime();
    proptest!(ProptestConfig::with_cases(120), |(steps in prop::collection::vec(any_step(), 1..80))| {
        runtime.block_on(async { run(Subject::redis().await, &steps).await })?;
    });
}
