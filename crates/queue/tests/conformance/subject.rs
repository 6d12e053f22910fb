//! The implementations under test, each with a clock that stands still.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::clock::ManualClock;
use cofferdam_ids::{PoolName, QueueName, TaskInstanceId, TenantId, WorkerId};
use cofferdam_queue::{Claim, ClaimRequest, Lease, MemoryQueue, Message, Queue, RedisQueue, RedisQueueConfig};
use cofferdam_test_support::redis::RedisServer;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use uuid::Uuid;

/// A new, empty queue.
pub struct Subject {
    pub name: &'static str,
    pub queue: Arc<dyn Queue>,
    pub clock: ManualClock,
}

impl Subject {
    pub fn memory() -> Self {
        let clock = ManualClock::new(start());
        Self { name: "memory", queue: Arc::new(MemoryQueue::new(Arc::new(clock.clone()))), clock }
    }

    /// On a server that all tests of this process share, under a prefix of its own.
    pub async fn redis() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self::redis_on(shared_server(), &format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))).await
    }

    pub async fn redis_on(server: &RedisServer, prefix: &str) -> Self {
        let clock = ManualClock::new(start());
        let config =
            RedisQueueConfig { prefix: prefix.to_owned(), clock: Some(Arc::new(clock.clone())), ..RedisQueueConfig::default() };
        let queue = RedisQueue::connect(&server.url(), config).await.expect("the test server is up");
        Self { name: "redis", queue: Arc::new(queue), clock }
    }

    pub async fn all() -> [Self; 2] {
        [Self::memory(), Self::redis().await]
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub async fn enqueue(&self, messages: &[Message]) -> usize {
        self.queue.enqueue(messages).await.unwrap()
    }

    /// Claims from the default queue, for a minute.
    pub async fn claim(&self, max: usize) -> Vec<Claim> {
        self.queue.claim(&request(max)).await.unwrap()
    }
}

/// The server that tests share which do not stop it.
pub fn shared_server() -> &'static RedisServer {
    static SERVER: OnceLock<RedisServer> = OnceLock::new();
    SERVER.get_or_init(|| RedisServer::start().expect("the tests need Redis"))
}

pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

pub fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

pub fn instance(number: u128) -> TaskInstanceId {
    TaskInstanceId::from_uuid(Uuid::from_u128(number))
}

pub fn worker(number: u128) -> WorkerId {
    WorkerId::from_uuid(Uuid::from_u128(number))
}

pub fn pool(name: &str) -> PoolName {
    PoolName::new(name).unwrap()
}

pub fn request(max: usize) -> ClaimRequest {
    ClaimRequest { worker: worker(1), queues: vec![QueueName::default_queue()], max, lease: Duration::from_secs(60) }
}

/// A message of tenant `owner` in the default queue and pool.
pub fn message(owner: u128, number: u128) -> Message {
    Message {
        instance: instance(number),
        try_number: 1,
        tenant: tenant(owner),
        queue: QueueName::default_queue(),
        pool: PoolName::default_pool(),
        pool_slots: 1,
        priority: 0,
        queued_at: start(),
        not_before: None,
        payload: Bytes::from(format!("payload {number}")),
    }
}

/// `count` messages of tenant `owner`, the first with the number `from`.
pub fn messages(owner: u128, from: u128, count: u128) -> Vec<Message> {
    (from..from + count).map(|number| message(owner, number)).collect()
}

pub fn leases(claims: &[Claim]) -> Vec<Lease> {
    claims.iter().map(|claim| claim.lease).collect()
}

/// How many of the claims are of tenant `owner`.
pub fn share(claims: &[Claim], owner: u128) -> usize {
    claims.iter().filter(|claim| claim.message.tenant == tenant(owner)).count()
}
