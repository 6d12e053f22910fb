//! Whether a failed try is followed by another, and when.

use crate::ending::Reason;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// When a failed try of a task is followed by another.
///
/// Reasons fall into four groups:
/// - never tried again: `fatal`, `invalid_input`, `invalid_component`, `permission_denied`, `cancelled`,
///   `rejected`, and reasons that no try ends with. The same try would end the same way, or a person wanted it to end.
/// - tried again unless told otherwise: `guest_error`, `trap`, `timed_out`, `invalid_output`.
/// - tried again only when told so: `out_of_fuel`, `out_of_memory`, `stack_overflow`, `limit_exceeded`. A sandbox counts
///   exactly, so the same input mostly reaches the same limit again.
/// - not the task's fault: `worker_lost`, `internal`. These are tried again whatever the policy says, and up to
///   [`RetryPolicy::INFRASTRUCTURE_TRIES`] tries beyond `max_tries`, soon instead of after the task's delay. The bound is
///   there because a task that kills its worker looks the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// How many tries there are at the most, the first included; 0 means 1.
    pub max_tries: u32,
    /// Milliseconds between the end of the first try and the second.
    pub delay_ms: u64,
    /// How the delay changes from try to try.
    pub backoff: Backoff,
    /// The longest delay in milliseconds, jitter included.
    pub max_delay_ms: u64,
    /// The part of the delay that chance may add or take, from 0 (none) to 1 (from nothing to twice as long). It keeps
    /// tasks that failed together from coming back together.
    pub jitter: f64,
    /// For the reasons that can be chosen, whether they are tried again; see [`RetryPolicy::can_choose`].
    pub retry_on: BTreeMap<Reason, bool>,
}

/// How the delay changes from try to try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// It stays the same.
    #[default]
    Constant,
    /// Each is `factor` times the one before.
    Exponential {
        /// At least 1; smaller numbers count as 1.
        factor: f64,
    },
}

/// What follows a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Another try, after this time.
    RetryAfter(Duration),
    /// Nothing: the task has failed.
    GiveUp,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_tries: 1,
            delay_ms: 30_000,
            backoff: Backoff::Constant,
            max_delay_ms: 3_600_000,
            jitter: 0.1,
            retry_on: BTreeMap::new(),
        }
    }
}

/// Which of the groups of [`RetryPolicy`] a reason is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Never,
    UnlessToldOtherwise,
    OnlyWhenTold,
    Infrastructure,
}

const fn group(reason: Reason) -> Group {
    match reason {
        Reason::Fatal
        | Reason::InvalidInput
        | Reason::InvalidComponent
        | Reason::PermissionDenied
        | Reason::Cancelled
        | Reason::SkippedByTask
        | Reason::SkippedByRule
        | Reason::BranchNotChosen
        | Reason::ShortCircuited
        | Reason::NothingToMap
        | Reason::UpstreamFailed
        | Reason::MarkedByUser
        | Reason::Rejected
        | Reason::Removed => Group::Never,
        Reason::GuestError | Reason::Trap | Reason::TimedOut | Reason::InvalidOutput | Reason::ChildFailed => {
            Group::UnlessToldOtherwise
        }
        Reason::OutOfFuel | Reason::OutOfMemory | Reason::StackOverflow | Reason::LimitExceeded => Group::OnlyWhenTold,
        Reason::WorkerLost | Reason::Undecodable | Reason::Internal => Group::Infrastructure,
    }
}

impl RetryPolicy {
    /// How many tries beyond `max_tries` a task gets when the fault was Cofferdam's.
    pub const INFRASTRUCTURE_TRIES: u32 = 3;

    /// The delay after `internal`: long enough for a storage or a queue to come back, short beside a task's own delay.
    const INTERNAL_DELAY: Duration = Duration::from_secs(1);

    /// Whether [`RetryPolicy::retry_on`] may name this reason.
    #[must_use]
    pub const fn can_choose(reason: Reason) -> bool {
        matches!(group(reason), Group::UnlessToldOtherwise | Group::OnlyWhenTold)
    }

    /// Decides what follows try `try_number` (counted from 1), which failed with `reason`.
    pub fn decide(&self, reason: Reason, try_number: u32, rng: &mut impl Rng) -> RetryDecision {
        let max_tries = self.max_tries.max(1);
        let (wanted, allowed) = match group(reason) {
            Group::Never => (false, max_tries),
            Group::UnlessToldOtherwise => (self.retry_on.get(&reason).copied().unwrap_or(true), max_tries),
            Group::OnlyWhenTold => (self.retry_on.get(&reason).copied().unwrap_or(false), max_tries),
            Group::Infrastructure => (true, max_tries.saturating_add(Self::INFRASTRUCTURE_TRIES)),
        };
        if !wanted || try_number >= allowed {
            return RetryDecision::GiveUp;
        }
        RetryDecision::RetryAfter(match reason {
            // The lease has run out meanwhile, so time enough has passed.
            Reason::WorkerLost => Duration::ZERO,
            Reason::Undecodable | Reason::Internal => Self::INTERNAL_DELAY,
            _ => self.delay_after(try_number, rng),
        })
    }

    /// The delay after try `try_number`, jitter included.
    fn delay_after(&self, try_number: u32, rng: &mut impl Rng) -> Duration {
        let cap = self.max_delay_ms as f64;
        let growth = match self.backoff {
            Backoff::Constant => 1.0,
            Backoff::Exponential { factor } => {
                let steps = i32::try_from(try_number.saturating_sub(1)).unwrap_or(i32::MAX);
                // `max` also turns a factor that is not a number into 1.
                factor.max(1.0).powi(steps)
            }
        };
        // Growth may be infinite; times a delay of 0 that is not a number, which `min` turns into the cap.
        let base = if self.delay_ms == 0 { 0.0 } else { (self.delay_ms as f64 * growth).min(cap) };
        let jitter = if self.jitter.is_finite() { self.jitter.clamp(0.0, 1.0) } else { 0.0 };
        let spread = if jitter > 0.0 { rng.random_range(-jitter..=jitter) } else { 0.0 };
        // Float to integer conversion saturates, so no delay overflows.
        Duration::from_millis((base * (1.0 + spread)).clamp(0.0, cap).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn policy(max_tries: u32) -> RetryPolicy {
        RetryPolicy { max_tries, delay_ms: 1_000, jitter: 0.0, ..RetryPolicy::default() }
    }

    fn decide(policy: &RetryPolicy, reason: Reason, try_number: u32) -> RetryDecision {
        policy.decide(reason, try_number, &mut StdRng::seed_from_u64(1))
    }

    fn after_ms(ms: u64) -> RetryDecision {
        RetryDecision::RetryAfter(Duration::from_millis(ms))
    }

    #[test]
    fn tries_end() {
        assert_eq!(decide(&policy(3), Reason::GuestError, 1), after_ms(1_000));
        assert_eq!(decide(&policy(3), Reason::GuestError, 2), after_ms(1_000));
        assert_eq!(decide(&policy(3), Reason::GuestError, 3), RetryDecision::GiveUp);
        assert_eq!(decide(&policy(0), Reason::GuestError, 1), RetryDecision::GiveUp);
    }

    #[test]
    fn some_reasons_are_never_tried_again() {
        let mut asked = policy(9);
        asked.retry_on = Reason::ALL.iter().map(|reason| (*reason, true)).collect();
        for reason in [
            Reason::Fatal,
            Reason::InvalidInput,
            Reason::InvalidComponent,
            Reason::PermissionDenied,
            Reason::Cancelled,
            Reason::MarkedByUser,
        ] {
            assert_eq!(decide(&asked, reason, 1), RetryDecision::GiveUp, "{reason}");
            assert!(!RetryPolicy::can_choose(reason));
        }
    }

    #[test]
    fn limits_are_tried_again_only_when_told_so() {
        for reason in [Reason::OutOfFuel, Reason::OutOfMemory, Reason::StackOverflow, Reason::LimitExceeded] {
            let mut policy = policy(3);
            assert_eq!(decide(&policy, reason, 1), RetryDecision::GiveUp, "{reason}");
            policy.retry_on.insert(reason, true);
            assert_eq!(decide(&policy, reason, 1), after_ms(1_000), "{reason}");
        }
        let mut policy = policy(3);
        policy.retry_on.insert(Reason::TimedOut, false);
        assert_eq!(decide(&policy, Reason::TimedOut, 1), RetryDecision::GiveUp);
    }

    #[test]
    fn faults_of_the_platform_have_an_allowance_of_their_own() {
        assert_eq!(decide(&policy(1), Reason::WorkerLost, 1), after_ms(0));
        assert_eq!(decide(&policy(1), Reason::WorkerLost, 3), after_ms(0));
        assert_eq!(decide(&policy(1), Reason::WorkerLost, 4), RetryDecision::GiveUp);
        assert_eq!(decide(&policy(2), Reason::Internal, 4), after_ms(1_000));
        assert_eq!(decide(&policy(2), Reason::Internal, 5), RetryDecision::GiveUp);
        assert_eq!(decide(&policy(u32::MAX), Reason::Internal, u32::MAX), RetryDecision::GiveUp);
    }

    #[test]
    fn delays_grow_to_the_cap() {
        let policy = RetryPolicy {
            max_tries: u32::MAX,
            delay_ms: 1_000,
            backoff: Backoff::Exponential { factor: 2.0 },
            max_delay_ms: 10_000,
            jitter: 0.0,
            retry_on: BTreeMap::new(),
        };
        let delays: Vec<_> = (1..=6).map(|n| decide(&policy, Reason::GuestError, n)).collect();
        assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000].map(after_ms));
        assert_eq!(decide(&policy, Reason::GuestError, u32::MAX - 1), after_ms(10_000));
    }

    #[test]
    fn jitter_spreads_both_ways_and_respects_the_cap() {
        let policy = RetryPolicy { max_tries: 9, delay_ms: 1_000, jitter: 0.5, max_delay_ms: 1_200, ..RetryPolicy::default() };
        let mut rng = StdRng::seed_from_u64(7);
        let mut delays = Vec::new();
        for _ in 0..200 {
            let RetryDecision::RetryAfter(delay) = policy.decide(Reason::GuestError, 1, &mut rng) else { panic!() };
            delays.push(delay.as_millis());
        }
        assert!(delays.iter().all(|ms| (500..=1_200).contains(ms)));
        assert!(delays.iter().any(|ms| *ms < 700));
        assert!(delays.contains(&1_200));
    }

    #[test]
    fn a_policy_reads_with_defaults() {
        let policy: RetryPolicy =
            serde_json::from_str(r#"{"max_tries":3,"backoff":{"exponential":{"factor":2.0}},"retry_on":{"out_of_fuel":true}}"#)
                .unwrap();
        assert_eq!(policy.delay_ms, 30_000);
        assert_eq!(policy.backoff, Backoff::Exponential { factor: 2.0 });
        assert_eq!(policy.retry_on.get(&Reason::OutOfFuel), Some(&true));
        assert!(serde_json::from_str::<RetryPolicy>(r#"{"tries":3}"#).is_err());
    }

    proptest! {
        #[test]
        fn no_policy_panics_or_exceeds_its_cap(
            max_tries: u32,
            delay_ms: u64,
            factor: f64,
            max_delay_ms: u64,
            jitter: f64,
            try_number: u32,
            reason in proptest::sample::select(Reason::ALL),
            seed: u64,
        ) {
            let policy = RetryPolicy {
                max_tries, delay_ms, backoff: Backoff::Exponential { factor }, max_delay_ms, jitter, retry_on: BTreeMap::new(),
            };
            match policy.decide(reason, try_number, &mut StdRng::seed_from_u64(seed)) {
                RetryDecision::GiveUp => {}
                RetryDecision::RetryAfter(delay) => {
                    prop_assert!(try_number < max_tries.max(1).saturating_add(RetryPolicy::INFRASTRUCTURE_TRIES));
                    // f64 holds 53 bits, so that a huge cap is met to within its rounding.
                    prop_assert!(delay.as_millis() as f64 <= (max_delay_ms as f64).max(1_000.0));
                }
            }
        }
    }
}
