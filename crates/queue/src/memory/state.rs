//! What the queue holds, and the rules. `redis/cofferdam.lua` is the same in another language; change them together.

use super::ready::Ready;
use crate::message::micros;
use crate::policy::{PASS_MAX, PROMOTE_MAX};
use crate::{Claim, ClaimPolicy, ClaimRequest, Depth, ExpiredLease, Lease, Message, Presence, TenantPolicy, WorkerBeat};
use cofferdam_ids::{Fence, LeaseToken, PoolName, QueueName, TaskInstanceId, TenantId, WorkerId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use uuid::Uuid;

#[derive(Debug)]
struct Entry {
    message: Message,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Delayed { until: i64 },
    Ready,
    Leased { token: i64, worker: WorkerId, until: i64 },
}

/// How tenants take turns among the workers that serve one set of queues.
///
/// Each tenant has a pass; the one with the lowest goes next and its pass grows by its stride. `time` is the pass of the one
/// that went last. Nobody is behind `time`: who was away, or had no room, does not save up turns (start-time fair queuing).
#[derive(Debug, Default)]
struct Turns {
    time: u64,
    passes: HashMap<TenantId, u64>,
    order: BTreeSet<(u64, TenantId)>,
}

impl Turns {
    fn arrive(&mut self, tenant: TenantId) {
        if !self.passes.contains_key(&tenant) {
            self.set(tenant, self.time);
        }
    }

    fn set(&mut self, tenant: TenantId, pass: u64) {
        if let Some(old) = self.passes.insert(tenant, pass) {
            self.order.remove(&(old, tenant));
        }
        self.order.insert((pass, tenant));
    }

    fn forget(&mut self, tenant: TenantId) {
        if let Some(pass) = self.passes.remove(&tenant) {
            self.order.remove(&(pass, tenant));
        }
    }

    fn behind(&self) -> Vec<TenantId> {
        let now = (self.time, TenantId::from_uuid(Uuid::nil()));
        self.order.range(..now).map(|(_, tenant)| *tenant).collect()
    }

    fn after(&self, cursor: Option<(u64, TenantId)>) -> Option<(u64, TenantId)> {
        let from = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        self.order.range((from, Bound::Unbounded)).next().copied()
    }
}

#[derive(Debug)]
struct Lead {
    holder: String,
    until: i64,
    fence: i64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    entries: HashMap<TaskInstanceId, Entry>,
    ready: Ready,
    delayed: BTreeSet<(i64, TaskInstanceId)>,
    leases: BTreeSet<(i64, TaskInstanceId)>,
    slots_used: HashMap<(TenantId, PoolName), u64>,
    leased: HashMap<TenantId, u32>,
    tenants: HashMap<TenantId, TenantPolicy>,
    pools: HashMap<(TenantId, PoolName), u32>,
    turns: HashMap<Vec<QueueName>, Turns>,
    last_token: i64,
    beats: BTreeMap<WorkerId, (i64, WorkerBeat)>,
    leads: HashMap<String, Lead>,
}

impl State {
    /// Whether the message was added.
    pub(super) fn enqueue(&mut self, message: Message, now: i64) -> bool {
        if self.entries.get(&message.instance).is_some_and(|held| held.message.try_number >= message.try_number) {
            return false;
        }
        self.take(message.instance);
        let until = message.not_before.map_or(i64::MIN, |time| time.timestamp_micros());
        let phase = if until > now {
            self.delayed.insert((until, message.instance));
            Phase::Delayed { until }
        } else {
            self.make_ready(&message);
            Phase::Ready
        };
        self.entries.insert(message.instance, Entry { message, phase });
        true
    }

    /// Takes an instance out, whatever its phase.
    pub(super) fn take(&mut self, instance: TaskInstanceId) -> Option<Message> {
        let Entry { message, phase } = self.entries.remove(&instance)?;
        match phase {
            Phase::Delayed { until } => {
                self.delayed.remove(&(until, instance));
            }
            Phase::Ready => self.ready.remove(&message),
            Phase::Leased { until, .. } => {
                self.leases.remove(&(until, instance));
                self.give_room_back(&message);
            }
        }
        Some(message)
    }

    pub(super) fn claim(&mut self, request: &ClaimRequest, now: i64) -> Vec<Claim> {
        self.promote(now);
        let mut queues = request.queues.clone();
        queues.sort_unstable();
        queues.dedup();
        let mut turns = self.turns.remove(&queues).filter(|turns| turns.time < PASS_MAX).unwrap_or_else(|| {
            let mut turns = Turns::default();
            self.ready.tenants(&queues).into_iter().for_each(|tenant| turns.arrive(tenant));
            turns
        });
        for tenant in turns.behind() {
            if self.ready.has(&queues, tenant) {
                turns.set(tenant, turns.time);
            } else {
                turns.forget(tenant);
            }
        }

        let mut claims = Vec::new();
        let mut idle = Vec::new();
        // Whoever is at or before the cursor has nothing, or no room, and will not get any during this claim.
        let mut cursor = None;
        while claims.len() < request.max {
            let Some((pass, tenant)) = turns.after(cursor) else {
                // Not everything asked for was there, so nobody waits for a turn: what the idle ones owe is forgiven.
                idle.into_iter().for_each(|tenant| turns.forget(tenant));
                break;
            };
            if let Some(instance) = self.next_of(&queues, tenant) {
                claims.extend(self.lease(instance, request, now));
                let weight = self.tenants.get(&tenant).map_or(1, |policy| policy.weight);
                turns.time = pass;
                turns.set(tenant, pass + TenantPolicy::stride(weight));
            } else {
                if !self.ready.has(&queues, tenant) {
                    idle.push(tenant);
                }
                cursor = Some((pass, tenant));
            }
        }
        self.turns.insert(queues, turns);
        claims
    }

    pub(super) fn ack(&mut self, lease: &Lease) -> bool {
        self.holds(lease) && self.take(lease.instance).is_some()
    }

    /// Whether the lease is held, and so was prolonged.
    pub(super) fn extend(&mut self, lease: &Lease, to: i64) -> bool {
        if !self.holds(lease) {
            return false;
        }
        if let Some(Entry { phase: Phase::Leased { until, .. }, .. }) = self.entries.get_mut(&lease.instance) {
            self.leases.remove(&(*until, lease.instance));
            self.leases.insert((to, lease.instance));
            *until = to;
        }
        true
    }

    pub(super) fn release(&mut self, lease: &Lease) -> bool {
        if !self.holds(lease) {
            return false;
        }
        let Some(message) = self.take(lease.instance) else { return false };
        self.make_ready(&message);
        self.entries.insert(message.instance, Entry { message, phase: Phase::Ready });
        true
    }

    pub(super) fn expire(&mut self, max: usize, now: i64) -> Vec<ExpiredLease> {
        let mut expired = Vec::new();
        while expired.len() < max {
            let Some(&(until, instance)) = self.leases.first() else { break };
            if until > now {
                break;
            }
            let Some(Entry { phase: Phase::Leased { token, worker, .. }, .. }) = self.entries.get(&instance) else { break };
            let (token, worker) = (LeaseToken(*token), *worker);
            let Some(message) = self.take(instance) else { break };
            let lease = Lease { instance, try_number: message.try_number, token };
            expired.push(ExpiredLease { lease, tenant: message.tenant, worker });
        }
        expired
    }

    pub(super) fn presence(&self, instance: TaskInstanceId) -> Presence {
        match self.entries.get(&instance) {
            None => Presence::Absent,
            Some(Entry { message, phase: Phase::Leased { .. } }) => Presence::Leased { try_number: message.try_number },
            Some(Entry { message, phase: Phase::Ready | Phase::Delayed { .. } }) => {
                Presence::Waiting { try_number: message.try_number }
            }
        }
    }

    pub(super) fn depth(&mut self, now: i64) -> Depth {
        self.promote(now);
        Depth {
            ready: self.ready.len(),
            delayed: self.delayed.len() as u64,
            leased: self.leases.len() as u64,
            oldest: self.ready.oldest(),
            by_tenant: self.ready.by_tenant(),
        }
    }

    pub(super) fn set_policy(&mut self, policy: &ClaimPolicy) {
        self.tenants = policy.tenants.iter().copied().collect();
        self.pools = policy.pools.iter().map(|(tenant, pool, slots)| ((*tenant, pool.clone()), *slots)).collect();
    }

    pub(super) fn beat(&mut self, beat: &WorkerBeat, until: i64) {
        self.beats.insert(beat.worker, (until, beat.clone()));
    }

    pub(super) fn workers(&mut self, now: i64) -> Vec<WorkerBeat> {
        self.beats.retain(|_, (until, _)| *until > now);
        self.beats.values().map(|(_, beat)| beat.clone()).collect()
    }

    pub(super) fn lead(&mut self, role: &str, holder: &str, now: i64, ttl: i64) -> Option<Fence> {
        let last = self.leads.get(role);
        let fence = match last {
            Some(lead) if lead.until > now && lead.holder == holder => lead.fence,
            Some(lead) if lead.until > now => return None,
            Some(_) | None => now.max(last.map_or(0, |lead| lead.fence) + 1),
        };
        self.leads.insert(role.to_owned(), Lead { holder: holder.to_owned(), until: now.saturating_add(ttl), fence });
        Some(Fence(fence))
    }

    pub(super) fn resign(&mut self, role: &str, holder: &str) {
        if let Some(lead) = self.leads.get_mut(role).filter(|lead| lead.holder == holder) {
            lead.until = i64::MIN;
        }
    }

    fn make_ready(&mut self, message: &Message) {
        if self.ready.insert(message) {
            for (_, turns) in self.turns.iter_mut().filter(|(queues, _)| queues.contains(&message.queue)) {
                turns.arrive(message.tenant);
            }
        }
    }

    fn promote(&mut self, now: i64) {
        for _ in 0..PROMOTE_MAX {
            let Some(&(until, instance)) = self.delayed.first() else { return };
            if until > now {
                return;
            }
            self.delayed.pop_first();
            if let Some(mut entry) = self.entries.remove(&instance) {
                entry.phase = Phase::Ready;
                self.make_ready(&entry.message);
                self.entries.insert(instance, entry);
            }
        }
    }

    fn next_of(&self, queues: &[QueueName], tenant: TenantId) -> Option<TaskInstanceId> {
        let most = self.tenants.get(&tenant).and_then(|policy| policy.max_leased).unwrap_or(u32::MAX);
        if self.leased.get(&tenant).copied().unwrap_or(0) >= most {
            return None;
        }
        self.ready.next(queues, tenant, |pool, slots| {
            let key = (tenant, pool.clone());
            let used = self.slots_used.get(&key).copied().unwrap_or(0);
            self.pools.get(&key).is_none_or(|most| used + u64::from(slots) <= u64::from(*most))
        })
    }

    fn lease(&mut self, instance: TaskInstanceId, request: &ClaimRequest, now: i64) -> Option<Claim> {
        let mut entry = self.entries.remove(&instance)?;
        let until = now.saturating_add(micros(request.lease));
        self.last_token = now.max(self.last_token + 1);
        self.ready.remove(&entry.message);
        self.leases.insert((until, instance));
        let message = entry.message.clone();
        *self.leased.entry(message.tenant).or_default() += 1;
        *self.slots_used.entry((message.tenant, message.pool.clone())).or_default() += u64::from(message.pool_slots);
        entry.phase = Phase::Leased { token: self.last_token, worker: request.worker, until };
        self.entries.insert(instance, entry);
        let lease = Lease { instance, try_number: message.try_number, token: LeaseToken(self.last_token) };
        Some(Claim { message, lease, damage: None })
    }

    fn give_room_back(&mut self, message: &Message) {
        if let Some(leased) = self.leased.get_mut(&message.tenant) {
            *leased -= 1;
            if *leased == 0 {
                self.leased.remove(&message.tenant);
            }
        }
        let key = (message.tenant, message.pool.clone());
        if let Some(used) = self.slots_used.get_mut(&key) {
            *used -= u64::from(message.pool_slots);
            if *used == 0 {
                self.slots_used.remove(&key);
            }
        }
    }

    fn holds(&self, lease: &Lease) -> bool {
        self.entries.get(&lease.instance).is_some_and(|entry| {
            entry.message.try_number == lease.try_number
                && matches!(entry.phase, Phase::Leased { token, .. } if token == lease.token.0)
        })
    }
}
