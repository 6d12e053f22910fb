//! The names of the keys. All carry the same hash tag, so that a cluster keeps them together.

use crate::QueueError;

#[derive(Clone, Debug)]
pub(super) struct Keys {
    base: String,
    /// The keys of the functions, in the order that `cofferdam.lua` gives.
    pub(super) queue: [String; 10],
    pub(super) channel: String,
    pub(super) beats: String,
    pub(super) workers: String,
    pub(super) leads: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Result<Self, QueueError> {
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            return Err(QueueError::Refused("the prefix of the keys must have at least one character, and no braces".into()));
        }
        let base = format!("{{{prefix}}}:1:");
        let key = |name: &str| format!("{base}{name}");
        Ok(Self {
            queue: ["held", "body", "ready", "delayed", "leases", "used", "policy", "counts", "arrivals", "meta"].map(key),
            channel: key("signals"),
            beats: key("beats"),
            workers: key("workers"),
            leads: key("leads"),
            base,
        })
    }

    pub(super) fn held(&self) -> &str {
        &self.queue[0]
    }

    pub(super) fn policy(&self) -> &str {
        &self.queue[6]
    }

    /// The turns of the tenants among workers that serve these queues.
    pub(super) fn turns(&self, served: &str) -> String {
        format!("{}turns:{served}", self.base)
    }
}
