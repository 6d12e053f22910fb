//! Messages that were claimed and cannot be read: damaged, or written by a later version.
//!
//! Their leases hold, and what the queue keeps beside a message tells whose they are. So they are handed on like the others, to be
//! recorded as failed by whoever has claimed them.

use super::{Claimed, RedisQueue};
use crate::message::from_micros;
use crate::{Claim, Lease, Message, QueueError};
use ::redis::cmd;
use bytes::Bytes;
use cofferdam_ids::{LeaseToken, TaskInstanceId, TenantId};
use std::collections::HashMap;
use uuid::Uuid;

/// The characters of a member that give its order: see `cofferdam.lua`.
const ORDER: usize = 52;

/// A message that cannot be read.
pub(super) struct Unread {
    /// The lease under which it is held.
    pub(super) token: LeaseToken,
    /// All of it.
    pub(super) body: Bytes,
    /// What is wrong with it.
    pub(super) why: String,
}

impl RedisQueue {
    /// What was claimed, with what could not be read. Of those whose leases cannot be found nothing is known: these run out, and the
    /// loss is recorded like any other.
    pub(super) async fn with_unread(&self, claimed: Claimed) -> Vec<Claim> {
        let Claimed { mut claims, unread } = claimed;
        if unread.is_empty() {
            return claims;
        }
        match self.find_leases(unread).await {
            Ok(found) => claims.extend(found),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "whose messages cannot be read was not found out; their leases will run out");
            }
        }
        claims
    }

    /// Looks through the leases for those of these messages. There are rarely any, so this need not be fast.
    async fn find_leases(&self, unread: Vec<Unread>) -> Result<Vec<Claim>, QueueError> {
        let mut command = cmd("HVALS");
        command.arg(self.keys.held());
        let held: Vec<String> = self.one(command).await?;
        let mut wanted: HashMap<LeaseToken, Unread> = unread.into_iter().map(|one| (one.token, one)).collect();
        Ok(held.iter().filter_map(|held| claim(held, &mut wanted)).collect())
    }
}

/// The claim that is held so, when it is one of the wanted.
fn claim(held: &str, wanted: &mut HashMap<LeaseToken, Unread>) -> Option<Claim> {
    let ["l", try_number, member, token, _] = held.split('|').collect::<Vec<_>>()[..] else { return None };
    let unread = wanted.remove(&LeaseToken(token.parse().ok()?))?;
    let [queue, tenant, pool, slots, order] = member.split(':').collect::<Vec<_>>()[..] else { return None };
    if order.len() != ORDER || !order.is_ascii() {
        return None;
    }
    let (urgency, rest) = order.split_at(4);
    let (queued_at, instance) = rest.split_at(16);
    let message = Message {
        instance: TaskInstanceId::from_uuid(Uuid::try_parse(instance).ok()?),
        try_number: try_number.parse().ok()?,
        tenant: TenantId::from_uuid(Uuid::try_parse(tenant).ok()?),
        queue: queue.parse().ok()?,
        pool: pool.parse().ok()?,
        pool_slots: slots.parse().ok()?,
        priority: 1000 - urgency.parse::<i32>().ok()?,
        queued_at: from_micros(queued_at.parse().ok()?),
        not_before: None,
        payload: unread.body,
    };
    let lease = Lease { instance: message.instance, try_number: message.try_number, token: unread.token };
    Some(Claim { message, lease, damage: Some(unread.why) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::wire;

    #[test]
    fn all_but_the_body_is_known_from_what_is_held() {
        let message = Message {
            instance: TaskInstanceId::generate(),
            try_number: 3,
            tenant: TenantId::generate(),
            queue: "gpu".parse().unwrap(),
            pool: "default_pool".parse().unwrap(),
            pool_slots: 2,
            priority: -7,
            queued_at: from_micros(1_700_000_000_000_001),
            not_before: None,
            payload: Bytes::from_static(b"garbage"),
        };
        let held = format!("l|3|{}|77|00ff", wire::member(&message));
        let unread =
            |token| Unread { token: LeaseToken(token), body: Bytes::from_static(b"garbage"), why: "it is garbage".to_owned() };
        let mut wanted = HashMap::from([(LeaseToken(77), unread(77)), (LeaseToken(78), unread(78))]);
        let found = claim(&held, &mut wanted).unwrap();
        assert_eq!(found.message, message);
        assert_eq!(found.lease, Lease { instance: message.instance, try_number: 3, token: LeaseToken(77) });
        assert_eq!(found.damage.as_deref(), Some("it is garbage"));
        assert_eq!(wanted.len(), 1);
        assert!(claim(&held.replacen('l', "r", 1), &mut wanted).is_none());
        assert!(claim("l|3|gpu:x:78|78|w", &mut wanted).is_none());
    }
}
