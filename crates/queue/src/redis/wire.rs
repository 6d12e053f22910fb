//! How a message is written in Redis.

use crate::message::from_micros;
use crate::{Message, QueueError};
use bytes::Bytes;
use cofferdam_ids::{PoolName, QueueName, TaskInstanceId, TenantId};
use uuid::Uuid;

/// The first byte of a message. [`decode`] reads this version and all before it.
const VERSION: u8 = 1;

/// Stands for "at once" where a time is expected.
const AT_ONCE: i64 = i64::MIN;

/// The bytes of a (normalised) message.
///
/// Version 1, numbers in big endian: instance (16 bytes), tenant (16), try (4), slots (4), priority (4), the time it was queued
/// and the time it is due in microseconds since the epoch (8 each), length of the queue's name (1), the name, the same for
/// the pool, and the payload up to the end.
pub(super) fn encode(message: &Message) -> Vec<u8> {
    let (queue, pool) = (message.queue.as_str().as_bytes(), message.pool.as_str().as_bytes());
    let mut out = Vec::with_capacity(64 + queue.len() + pool.len() + message.payload.len());
    out.push(VERSION);
    out.extend_from_slice(message.instance.uuid().as_bytes());
    out.extend_from_slice(message.tenant.uuid().as_bytes());
    out.extend_from_slice(&message.try_number.to_be_bytes());
    out.extend_from_slice(&message.pool_slots.to_be_bytes());
    out.extend_from_slice(&message.priority.to_be_bytes());
    out.extend_from_slice(&message.queued_at.timestamp_micros().to_be_bytes());
    out.extend_from_slice(&message.not_before.map_or(AT_ONCE, |time| time.timestamp_micros()).to_be_bytes());
    for name in [queue, pool] {
        out.push(u8::try_from(name.len()).expect("a name has at most 120 characters"));
        out.extend_from_slice(name);
    }
    out.extend_from_slice(&message.payload);
    out
}

/// Reads what [`encode`] wrote, in this or an earlier version.
pub(super) fn decode(bytes: &Bytes) -> Result<Message, QueueError> {
    let mut reader = Reader { bytes, at: 0 };
    match reader.array::<1>()?[0] {
        VERSION => {}
        version => return Err(QueueError::Corrupt(format!("its version is {version}; this binary reads up to {VERSION}"))),
    }
    let instance = TaskInstanceId::from_uuid(Uuid::from_bytes(reader.array()?));
    let tenant = TenantId::from_uuid(Uuid::from_bytes(reader.array()?));
    let try_number = u32::from_be_bytes(reader.array()?);
    let pool_slots = u32::from_be_bytes(reader.array()?);
    let priority = i32::from_be_bytes(reader.array()?);
    let queued_at = from_micros(i64::from_be_bytes(reader.array()?));
    let not_before = match i64::from_be_bytes(reader.array()?) {
        AT_ONCE => None,
        time => Some(from_micros(time)),
    };
    let queue = QueueName::new(reader.name()?).map_err(|error| QueueError::Corrupt(error.to_string()))?;
    let pool = PoolName::new(reader.name()?).map_err(|error| QueueError::Corrupt(error.to_string()))?;
    let payload = bytes.slice(reader.at..);
    Ok(Message { instance, try_number, tenant, queue, pool, pool_slots, priority, queued_at, not_before, payload })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], QueueError> {
        let part = self.bytes.get(self.at..self.at + length).ok_or_else(|| QueueError::Corrupt("it is cut short".into()))?;
        self.at += length;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], QueueError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn name(&mut self) -> Result<&'a str, QueueError> {
        let [length] = self.array()?;
        std::str::from_utf8(self.take(length.into())?).map_err(|error| QueueError::Corrupt(error.to_string()))
    }
}

/// The member that stands for a (normalised) message among the ready ones: its lane, then its place in the lane. The layout
/// is described in `cofferdam.lua`.
pub(super) fn member(message: &Message) -> String {
    format!(
        "{}:{}:{}:{}:{:04}{:016}{}",
        message.queue,
        message.tenant.uuid().simple(),
        message.pool,
        message.pool_slots,
        1000 - message.priority,
        message.queued_at.timestamp_micros(),
        message.instance.uuid().simple(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            instance: TaskInstanceId::from_uuid(Uuid::from_u128(0x0102_0304)),
            try_number: 3,
            tenant: TenantId::from_uuid(Uuid::from_u128(0xff)),
            queue: QueueName::new("gpu").unwrap(),
            pool: PoolName::default_pool(),
            pool_slots: 2,
            priority: -7,
            queued_at: from_micros(1_700_000_000_000_001),
            not_before: Some(from_micros(1_700_000_000_000_002)),
            payload: Bytes::from_static(b"payload"),
        }
    }

    /// Version 1, byte for byte: what a binary of any later version must still read.
    const VERSION_1: &[u8] = b"\x01\
        \0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\
        \0\0\0\x03\0\0\0\x02\xff\xff\xff\xf9\
        \x00\x06\x0a\x24\x18\x1e\x40\x01\
        \x00\x06\x0a\x24\x18\x1e\x40\x02\
        \x03gpu\x0cdefault_poolpayload";

    #[test]
    fn version_1_is_read() {
        assert_eq!(decode(&Bytes::from_static(VERSION_1)).unwrap(), message());
        assert_eq!(encode(&message()), VERSION_1);
    }

    #[test]
    fn every_prefix_is_refused_and_none_panics() {
        for length in 0..VERSION_1.len() - b"payload".len() {
            assert!(matches!(decode(&Bytes::from_static(&VERSION_1[..length])), Err(QueueError::Corrupt(_))), "{length} bytes");
        }
    }

    #[test]
    fn a_later_version_is_refused_with_its_number() {
        let mut bytes = VERSION_1.to_vec();
        bytes[0] = 9;
        assert!(decode(&bytes.into()).unwrap_err().to_string().contains("its version is 9"));
    }

    #[test]
    fn members_sort_by_priority_then_age() {
        let mut urgent = message();
        urgent.priority = 1000;
        urgent.queued_at = from_micros(i64::from(u32::MAX));
        let mut older = message();
        older.queued_at = from_micros(1);
        assert!(member(&urgent) < member(&older));
        assert!(member(&older) < member(&message()));
    }
}
