//! The messages that may be claimed now, in lanes: one for each queue, tenant, pool and number of slots. Either the head of a
//! lane has room or nothing in the lane has, so that a claim never looks past a head.

use crate::Message;
use chrono::{DateTime, Utc};
use cofferdam_ids::{PoolName, QueueName, TaskInstanceId, TenantId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The order within a tenant: the higher priority, then the older, then the lower id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    urgency: i32,
    queued_at: i64,
    pub(super) instance: TaskInstanceId,
}

impl Turn {
    fn of(message: &Message) -> Self {
        Self { urgency: -message.priority, queued_at: message.queued_at.timestamp_micros(), instance: message.instance }
    }
}

type Lanes = BTreeMap<(PoolName, u32), BTreeSet<Turn>>;

#[derive(Debug, Default)]
pub(super) struct Ready {
    lanes: HashMap<QueueName, BTreeMap<TenantId, Lanes>>,
    by_tenant: BTreeMap<TenantId, u64>,
    by_age: BTreeSet<(DateTime<Utc>, TaskInstanceId)>,
}

impl Ready {
    /// Whether the tenant had nothing in that queue before.
    pub(super) fn insert(&mut self, message: &Message) -> bool {
        let tenants = self.lanes.entry(message.queue.clone()).or_default();
        let arrives = !tenants.contains_key(&message.tenant);
        let lanes = tenants.entry(message.tenant).or_default();
        lanes.entry((message.pool.clone(), message.pool_slots)).or_default().insert(Turn::of(message));
        *self.by_tenant.entry(message.tenant).or_default() += 1;
        self.by_age.insert((message.queued_at, message.instance));
        arrives
    }

    pub(super) fn remove(&mut self, message: &Message) {
        self.by_age.remove(&(message.queued_at, message.instance));
        if let Some(count) = self.by_tenant.get_mut(&message.tenant) {
            *count -= 1;
            if *count == 0 {
                self.by_tenant.remove(&message.tenant);
            }
        }
        let Some(tenants) = self.lanes.get_mut(&message.queue) else { return };
        let Some(lanes) = tenants.get_mut(&message.tenant) else { return };
        let lane = (message.pool.clone(), message.pool_slots);
        if let Some(turns) = lanes.get_mut(&lane) {
            turns.remove(&Turn::of(message));
            if turns.is_empty() {
                lanes.remove(&lane);
            }
        }
        if lanes.is_empty() {
            tenants.remove(&message.tenant);
        }
        if tenants.is_empty() {
            self.lanes.remove(&message.queue);
        }
    }

    /// The tenants that have something in one of `queues`.
    pub(super) fn tenants(&self, queues: &[QueueName]) -> BTreeSet<TenantId> {
        queues.iter().filter_map(|queue| self.lanes.get(queue)).flat_map(|tenants| tenants.keys().copied()).collect()
    }

    /// Whether the tenant has something in one of `queues`.
    pub(super) fn has(&self, queues: &[QueueName], tenant: TenantId) -> bool {
        queues.iter().any(|queue| self.lanes.get(queue).is_some_and(|tenants| tenants.contains_key(&tenant)))
    }

    /// The message of the tenant that is next, among lanes for which `has_room` holds.
    pub(super) fn next(
        &self,
        queues: &[QueueName],
        tenant: TenantId,
        has_room: impl Fn(&PoolName, u32) -> bool,
    ) -> Option<TaskInstanceId> {
        queues
            .iter()
            .filter_map(|queue| self.lanes.get(queue)?.get(&tenant))
            .flatten()
            .filter(|((pool, slots), _)| has_room(pool, *slots))
            .filter_map(|(_, turns)| turns.first())
            .min()
            .map(|turn| turn.instance)
    }

    pub(super) fn len(&self) -> u64 {
        self.by_age.len() as u64
    }

    pub(super) fn oldest(&self) -> Option<DateTime<Utc>> {
        self.by_age.first().map(|(queued_at, _)| *queued_at)
    }

    pub(super) fn by_tenant(&self) -> Vec<(TenantId, u64)> {
        self.by_tenant.iter().map(|(tenant, count)| (*tenant, *count)).collect()
    }
}
