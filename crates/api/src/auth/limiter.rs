//! Bounds how often one may try to sign in: a token bucket for each username and address.

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;

/// Attempts in a row.
const BURST: f64 = 8.0;
/// Seconds until one more attempt is allowed.
const REFILL_S: f64 = 10.0;
/// Buckets kept; the fullest are dropped first when there are more.
const MOST_BUCKETS: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: String,
    username: String,
    address: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: DateTime<Utc>,
}

/// The buckets of one process.
#[derive(Debug, Default)]
pub(crate) struct LoginLimiter(Mutex<HashMap<Key, Bucket>>);

impl LoginLimiter {
    /// Takes an attempt; the error is how many seconds to wait.
    pub(crate) fn attempt(&self, tenant: &str, username: &str, address: Option<IpAddr>, now: DateTime<Utc>) -> Result<(), u64> {
        // Long names of nobody must not fill the memory.
        let cut = |text: &str| text.chars().take(120).collect::<String>();
        let key = Key { tenant: cut(tenant), username: cut(username), address };
        let mut buckets = self.0.lock();
        if buckets.len() >= MOST_BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| refilled(*bucket, now) < BURST);
            if buckets.len() >= MOST_BUCKETS {
                return Err(REFILL_S as u64);
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: BURST, at: now });
        let tokens = refilled(*bucket, now);
        if tokens < 1.0 {
            return Err(((1.0 - tokens) * REFILL_S).ceil() as u64);
        }
        *bucket = Bucket { tokens: tokens - 1.0, at: now };
        Ok(())
    }

    /// Forgets the attempts of somebody who signed in.
    pub(crate) fn forget(&self, tenant: &str, username: &str, address: Option<IpAddr>) {
        self.0.lock().remove(&Key { tenant: tenant.to_owned(), username: username.to_owned(), address });
    }
}

fn refilled(bucket: Bucket, now: DateTime<Utc>) -> f64 {
    let passed = (now - bucket.at).num_milliseconds().max(0) as f64 / 1000.0;
    (bucket.tokens + passed / REFILL_S).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn the_ninth_attempt_in_a_row_waits() {
        let (limiter, now) = (LoginLimiter::default(), DateTime::from_timestamp(0, 0).unwrap());
        for _ in 0..8 {
            limiter.attempt("t", "ada", None, now).unwrap();
        }
        assert_eq!(limiter.attempt("t", "ada", None, now), Err(10));
        assert_eq!(limiter.attempt("t", "ada", None, now + TimeDelta::seconds(9)), Err(1));
        limiter.attempt("t", "ada", None, now + TimeDelta::seconds(10)).unwrap();
        limiter.attempt("t", "grace", None, now).unwrap();
        limiter.attempt("t", "ada", Some([10, 0, 0, 1].into()), now).unwrap();
    }

    #[test]
    fn who_signs_in_starts_afresh() {
        let (limiter, now) = (LoginLimiter::default(), DateTime::from_timestamp(0, 0).unwrap());
        while limiter.attempt("t", "ada", None, now).is_ok() {}
        limiter.forget("t", "ada", None);
        limiter.attempt("t", "ada", None, now).unwrap();
    }
}
