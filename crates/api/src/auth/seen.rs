//! Sessions that were found valid a moment ago, so that a page which loads ten things asks the database once.

use super::secret::SecretHash;
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_domain::context::Context;
use parking_lot::Mutex;
use std::collections::HashMap;

/// How long a session counts without being looked at again: the longest that one ended elsewhere goes on here.
const VALID: TimeDelta = TimeDelta::seconds(5);
const MOST: usize = 10_000;

/// By the hash of the token.
#[derive(Default)]
pub(crate) struct SessionsSeen(Mutex<HashMap<SecretHash, (Context, DateTime<Utc>)>>);

impl SessionsSeen {
    pub(crate) fn get(&self, hash: &SecretHash, now: DateTime<Utc>) -> Option<Context> {
        self.0.lock().get(hash).filter(|(_, until)| now < *until).map(|(context, _)| context.clone())
    }

    pub(crate) fn put(&self, hash: SecretHash, context: Context, now: DateTime<Utc>) {
        let mut seen = self.0.lock();
        if seen.len() >= MOST {
            seen.retain(|_, (_, until)| now < *until);
        }
        if seen.len() < MOST {
            seen.insert(hash, (context, now + VALID));
        }
    }

    /// Forgets everything: somebody signed out, or was changed.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}
