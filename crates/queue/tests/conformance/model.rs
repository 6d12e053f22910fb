//! The queue, as simply as it can be said: one list, searched from end to end.

use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_ids::{Fence, LeaseToken, QueueName, TaskInstanceId, TenantId, WorkerId};
use cofferdam_queue::{
    Claim, ClaimPolicy, ClaimRequest, Depth, ExpiredLease, Lease, Message, Presence, TenantPolicy, WorkerBeat,
};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a claim adds to the pass of a tenant with weight 1.
const STRIDE: u64 = 720_720;

#[derive(Clone, Debug)]
struct Item {
    message: Message,
    held: Option<Held>,
    /// It is ready from then on, whatever the clock does later.
    due: bool,
}

#[derive(Clone, Debug)]
struct Held {
    lease: Lease,
    worker: WorkerId,
    until: DateTime<Utc>,
}

#[derive(Debug)]
struct Lead {
    holder: String,
    until: DateTime<Utc>,
    fence: i64,
}

#[derive(Debug, Default)]
pub struct Model {
    items: Vec<Item>,
    policy: ClaimPolicy,
    /// For each set of queues served: the time, and the passes of the tenants.
    turns: BTreeMap<Vec<QueueName>, (u64, BTreeMap<TenantId, u64>)>,
    last_token: i64,
    beats: BTreeMap<WorkerId, (DateTime<Utc>, WorkerBeat)>,
    leads: BTreeMap<String, Lead>,
}

impl Model {
    pub fn enqueue(&mut self, messages: &[Message], now: DateTime<Utc>) -> usize {
        let mut added = 0;
        for message in messages {
            let mut message = message.clone();
            message.priority = message.priority.clamp(-1000, 1000);
            if self
                .items
                .iter()
                .any(|item| item.message.instance == message.instance && item.message.try_number >= message.try_number)
            {
                continue;
            }
            self.items.retain(|item| item.message.instance != message.instance);
            let due = message.not_before.is_none_or(|time| time <= now);
            self.items.push(Item { message, held: None, due });
            added += 1;
        }
        added
    }

    pub fn claim(&mut self, request: &ClaimRequest, now: DateTime<Utc>) -> Vec<Claim> {
        self.wake(now);
        let mut served = request.queues.clone();
        served.sort();
        served.dedup();
        let (mut time, mut passes) = self.turns.get(&served).cloned().unwrap_or_default();
        let mut claims = Vec::new();
        while claims.len() < request.max {
            let ready: Vec<usize> = (0..self.items.len())
                .filter(|at| {
                    let item = &self.items[*at];
                    item.due && item.held.is_none() && served.contains(&item.message.queue)
                })
                .collect();
            let pass_of = |tenant: TenantId| passes.get(&tenant).copied().unwrap_or(0).max(time);
            let next = ready.iter().copied().filter(|at| self.has_room(&self.items[*at].message)).min_by_key(|at| {
                let message = &self.items[*at].message;
                let turn = (pass_of(message.tenant), message.tenant);
                (turn, Reverse(message.priority), message.queued_at, message.instance)
            });
            let Some(next) = next else {
                passes.retain(|tenant, _| ready.iter().any(|at| self.items[*at].message.tenant == *tenant));
                break;
            };
            let message = self.items[next].message.clone();
            time = pass_of(message.tenant);
            passes.insert(message.tenant, time + STRIDE / u64::from(self.policy_of(message.tenant).weight.max(1)));
            self.last_token = (self.last_token + 1).max(now.timestamp_micros());
            let lease = Lease { instance: message.instance, try_number: message.try_number, token: LeaseToken(self.last_token) };
            let until = now + TimeDelta::from_std(request.lease).unwrap();
            self.items[next].held = Some(Held { lease, worker: request.worker, until });
            claims.push(Claim { message, lease, damage: None });
        }
        self.turns.insert(served, (time, passes));
        claims
    }

    pub fn ack(&mut self, leases: &[Lease]) -> usize {
        let before = self.items.len();
        self.items.retain(|item| !item.held.as_ref().is_some_and(|held| leases.contains(&held.lease)));
        before - self.items.len()
    }

    pub fn extend(&mut self, leases: &[Lease], length: Duration, now: DateTime<Utc>) -> Vec<Lease> {
        let mut lost = Vec::new();
        for lease in leases {
            match self.items.iter_mut().filter_map(|item| item.held.as_mut()).find(|held| held.lease == *lease) {
                Some(held) => held.until = now + TimeDelta::from_std(length).unwrap(),
                None => lost.push(*lease),
            }
        }
        lost
    }

    pub fn release(&mut self, leases: &[Lease]) -> usize {
        let mut released = 0;
        for item in &mut self.items {
            if item.held.as_ref().is_some_and(|held| leases.contains(&held.lease)) {
                item.held = None;
                released += 1;
            }
        }
        released
    }

    pub fn expire(&mut self, max: usize, now: DateTime<Utc>) -> Vec<ExpiredLease> {
        let mut ended: Vec<(DateTime<Utc>, TaskInstanceId, ExpiredLease)> = self
            .items
            .iter()
            .filter_map(|item| {
                let Held { lease, worker, until } = item.held.clone()?;
                let expired = ExpiredLease { lease, tenant: item.message.tenant, worker };
                (until <= now).then_some((until, lease.instance, expired))
            })
            .collect();
        ended.sort_by_key(|(until, instance, _)| (*until, *instance));
        ended.truncate(max);
        self.items.retain(|item| !ended.iter().any(|(_, instance, _)| *instance == item.message.instance));
        ended.into_iter().map(|(_, _, expired)| expired).collect()
    }

    pub fn remove(&mut self, instances: &[TaskInstanceId]) -> usize {
        let before = self.items.len();
        self.items.retain(|item| !instances.contains(&item.message.instance));
        before - self.items.len()
    }

    pub fn presence(&self, instances: &[TaskInstanceId]) -> Vec<Presence> {
        let one = |instance: &TaskInstanceId| {
            let Some(item) = self.items.iter().find(|item| item.message.instance == *instance) else { return Presence::Absent };
            let try_number = item.message.try_number;
            if item.held.is_some() { Presence::Leased { try_number } } else { Presence::Waiting { try_number } }
        };
        instances.iter().map(one).collect()
    }

    pub fn depth(&mut self, now: DateTime<Utc>) -> Depth {
        self.wake(now);
        let mut depth = Depth::default();
        let mut by_tenant = BTreeMap::<TenantId, u64>::new();
        for item in &self.items {
            if item.held.is_some() {
                depth.leased += 1;
            } else if item.due {
                depth.ready += 1;
                depth.oldest = Some(depth.oldest.map_or(item.message.queued_at, |oldest| oldest.min(item.message.queued_at)));
                *by_tenant.entry(item.message.tenant).or_default() += 1;
            } else {
                depth.delayed += 1;
            }
        }
        depth.by_tenant = by_tenant.into_iter().collect();
        depth
    }

    pub fn set_policy(&mut self, policy: &ClaimPolicy) {
        self.policy = policy.clone();
    }

    pub fn beat(&mut self, beat: &WorkerBeat, ttl: Duration, now: DateTime<Utc>) {
        self.beats.insert(beat.worker, (now + TimeDelta::from_std(ttl).unwrap(), beat.clone()));
    }

    pub fn workers(&mut self, now: DateTime<Utc>) -> Vec<WorkerBeat> {
        self.beats.retain(|_, (until, _)| *until > now);
        self.beats.values().map(|(_, beat)| beat.clone()).collect()
    }

    pub fn lead(&mut self, role: &str, holder: &str, ttl: Duration, now: DateTime<Utc>) -> Option<Fence> {
        let last = self.leads.get(role);
        let fence = match last {
            Some(lead) if lead.until > now && lead.holder != holder => return None,
            Some(lead) if lead.until > now => lead.fence,
            _ => now.timestamp_micros().max(last.map_or(0, |lead| lead.fence + 1)),
        };
        let until = now + TimeDelta::from_std(ttl).unwrap();
        self.leads.insert(role.to_owned(), Lead { holder: holder.to_owned(), until, fence });
        Some(Fence(fence))
    }

    pub fn resign(&mut self, role: &str, holder: &str) {
        if let Some(lead) = self.leads.get_mut(role).filter(|lead| lead.holder == holder) {
            lead.until = DateTime::UNIX_EPOCH;
        }
    }

    fn wake(&mut self, now: DateTime<Utc>) {
        for item in &mut self.items {
            item.due |= item.message.not_before.is_none_or(|time| time <= now);
        }
    }

    fn policy_of(&self, tenant: TenantId) -> TenantPolicy {
        let listed = self.policy.tenants.iter().find(|(listed, _)| *listed == tenant);
        listed.map_or(TenantPolicy { max_leased: None, weight: 1 }, |(_, policy)| *policy)
    }

    fn has_room(&self, message: &Message) -> bool {
        let leased: Vec<&Message> = self
            .items
            .iter()
            .filter(|item| item.held.is_some() && item.message.tenant == message.tenant)
            .map(|item| &item.message)
            .collect();
        let most = self.policy_of(message.tenant).max_leased;
        let slots: u32 = leased.iter().filter(|other| other.pool == message.pool).map(|other| other.pool_slots).sum();
        let listed = |(tenant, pool, _): &&(TenantId, _, u32)| *tenant == message.tenant && *pool == message.pool;
        let pool = self.policy.pools.iter().find(listed);
        most.is_none_or(|most| leased.len() < most as usize)
            && pool.is_none_or(|(_, _, size)| slots + message.pool_slots <= *size)
    }
}
