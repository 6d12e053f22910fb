//! What holds for every sequence of events.

use super::*;
use crate::ending::{Ending, Reason};
use crate::retry::RetryPolicy;
use crate::trigger_rule::Verdict;
use chrono::TimeZone;
use cofferdam_ids::{LeaseToken, WorkerId};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashSet;

/// A random event. The try is given as a distance from the one at hand, so that right ones are common.
#[derive(Clone, Debug)]
enum Draft {
    Plain(TaskEvent),
    Started { off: i64, lease: i64 },
    Ended { off: i64, lease: i64, ending: Ending },
    LeaseExpired { off: i64, lease: i64 },
    HandedBack { off: i64, lease: i64 },
    Settled { off: i64, lease: i64, ending: Ending },
}

fn worker() -> WorkerId {
    "0193b1f0-0000-7000-8000-000000000001".parse().unwrap()
}

/// The try of a report that is `off` from the one that the state would believe.
fn try_of(state: &TaskState, off: i64) -> u32 {
    u32::try_from((i64::from(state.last_try_given_out()) + off).max(0)).unwrap()
}

fn event(draft: Draft, state: &TaskState) -> TaskEvent {
    let lease_of = |off: i64| LeaseToken((state.last_lease().0 + off).max(0));
    match draft {
        Draft::Plain(event) => event,
        Draft::Started { off, lease } => {
            TaskEvent::Started { try_number: try_of(state, off), lease: lease_of(lease), worker: worker() }
        }
        Draft::Ended { off, lease, ending } => {
            TaskEvent::Ended { try_number: try_of(state, off), lease: lease_of(lease), ending }
        }
        Draft::LeaseExpired { off, lease } => TaskEvent::LeaseExpired { try_number: try_of(state, off), lease: lease_of(lease) },
        Draft::HandedBack { off, lease } => TaskEvent::HandedBack { try_number: try_of(state, off), lease: lease_of(lease) },
        Draft::Settled { off, lease, ending } => {
            TaskEvent::Settled { try_number: try_of(state, off), lease: lease_of(lease), ending }
        }
    }
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Success { output: "{}".to_owned() }),
        proptest::sample::select(Reason::ALL).prop_map(|reason| Ending::failure(reason, "")),
        Just(Ending::Skip { message: String::new() }),
        (0..20_000_u64).prop_map(|after_ms| Ending::Reschedule { after_ms }),
        (0..20_000_u64).prop_map(|timeout_ms| Ending::Defer { event: "go".to_owned(), timeout_ms }),
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    let verdict =
        proptest::sample::select(&[Verdict::Wait, Verdict::Ready, Verdict::Ready, Verdict::Skip, Verdict::UpstreamFailed][..]);
    let off = || proptest::sample::select(&[0_i64, 0, 0, 0, -1, 1][..]);
    let lease = || proptest::sample::select(&[1_i64, 1, 0, 0, 2, -1][..]);
    prop_oneof![
        4 => verdict.prop_map(|verdict| Draft::Plain(TaskEvent::UpstreamsDone(verdict))),
        6 => (off(), lease()).prop_map(|(off, lease)| Draft::Started { off, lease }),
        8 => (off(), lease(), ending()).prop_map(|(off, lease, ending)| Draft::Ended { off, lease, ending }),
        2 => (off(), lease()).prop_map(|(off, lease)| Draft::LeaseExpired { off, lease }),
        2 => (off(), lease()).prop_map(|(off, lease)| Draft::HandedBack { off, lease }),
        2 => (off(), lease(), ending()).prop_map(|(off, lease, ending)| Draft::Settled { off, lease, ending }),
        8 => proptest::sample::select(vec![
            TaskEvent::Bypassed(Reason::BranchNotChosen),
            TaskEvent::Hold,
            TaskEvent::Release,
            TaskEvent::Enqueued,
            TaskEvent::WakeUp,
            TaskEvent::WakeUp,
            TaskEvent::EventArrived { name: "go".to_owned() },
            TaskEvent::EventArrived { name: "other".to_owned() },
            TaskEvent::CancelRequested,
            TaskEvent::Cleared,
            TaskEvent::Cleared,
            TaskEvent::MarkedSuccess,
            TaskEvent::MarkedFailed,
            TaskEvent::MarkedSkipped,
            TaskEvent::LeftOut(LeftOut::UpstreamFailed),
            TaskEvent::Restored,
        ]).prop_map(Draft::Plain),
        // Little leads out of it, so it is rare.
        1 => proptest::bool::weighted(0.1).prop_map(|yes| Draft::Plain(if yes { TaskEvent::Removed } else { TaskEvent::Release })),
    ]
}

/// What the world outside knows from the effects alone.
#[derive(Default)]
struct World {
    /// The try that the queue has.
    in_queue: Option<u32>,
    counted: Option<Outcome>,
    tries_before: u32,
}

impl World {
    fn follow(&mut self, event: &TaskEvent, effect: Effect) -> Result<(), TestCaseError> {
        match effect {
            Effect::Enqueue { try_number, .. } => {
                // Only these two repeat, and only what is there already.
                let again = matches!(event, TaskEvent::Enqueued | TaskEvent::WakeUp);
                prop_assert!(self.in_queue.is_none() || again && self.in_queue == Some(try_number), "enqueued twice");
                self.in_queue = Some(try_number);
            }
            Effect::WithdrawFromQueue => {
                prop_assert!(self.in_queue.is_some(), "withdrawn without being there");
                self.in_queue = None;
            }
            Effect::ReleaseDependants(outcome) => {
                prop_assert_eq!(self.counted, None, "counted twice");
                self.counted = Some(outcome);
            }
            Effect::RetractOutcome(outcome) => {
                prop_assert_eq!(self.counted, Some(outcome), "taken back what was not counted");
                self.counted = None;
            }
            Effect::ForgetTries { tries_before } => {
                prop_assert!(tries_before >= self.tries_before);
                self.tries_before = tries_before;
            }
            Effect::StopSandbox | Effect::CheckUpstreams | Effect::ReopenRun => {}
        }
        Ok(())
    }
}

const MAX_TRIES: u32 = 3;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_leaves_the_machine(
        steps in proptest::collection::vec((draft(), 0..8_000_i64, proptest::bool::weighted(0.1)), 1..60),
        seed: u64,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut now = Utc.with_ymd_and_hms(2026, 11, 21, 6, 0, 0).unwrap();
        let mut state = TaskState::new();
        let mut world = World::default();
        let mut believed = HashSet::new();
        for (draft, passed_ms, hold) in steps {
            now += TimeDelta::milliseconds(passed_ms);
            let retry = RetryPolicy { max_tries: MAX_TRIES, delay_ms: 5_000, ..RetryPolicy::default() };
            let rules = Rules { retry, tries_before: world.tries_before, hold };
            let event = event(draft, &state);
            let before = state.clone();
            let step = match state.apply(event.clone(), &rules, now, &mut rng) {
                Ok(step) => step,
                Err(refused) => {
                    prop_assert_eq!(&refused.state, &before);
                    state = refused.state;
                    continue;
                }
            };
            state = step.state;

            // A report tells that a worker took the try out of the queue.
            let report = match &event {
                TaskEvent::Started { .. } => {
                    world.in_queue = None;
                    None
                }
                TaskEvent::Ended { try_number, lease, .. }
                | TaskEvent::Settled { try_number, lease, .. }
                | TaskEvent::LeaseExpired { try_number, lease }
                | TaskEvent::HandedBack { try_number, lease } => {
                    world.in_queue = None;
                    Some((*try_number, *lease))
                }
                _ => None,
            };
            if let Some(report) = report {
                prop_assert!(believed.insert(report), "the end of {:?} was believed twice", report);
            }
            for effect in step.effects {
                world.follow(&event, effect)?;
            }

            // The queue has the try that is due exactly when the state says that it waits there.
            let waits = match state.name() {
                TaskStateName::Queued | TaskStateName::UpForRetry | TaskStateName::UpForReschedule => Some(state.last_try_given_out()),
                _ => None,
            };
            prop_assert_eq!(world.in_queue, waits, "{:?} + {:?} -> {:?}", before, event, state);
            prop_assert_eq!(world.counted, state.name().outcome(), "{:?} + {:?} -> {:?}", before, event, state);
            prop_assert!(state.try_number() >= before.try_number());
            prop_assert!(state.last_lease() >= before.last_lease());
            prop_assert!(state.try_number() >= world.tries_before);
            prop_assert!(
                state.try_number() - world.tries_before <= MAX_TRIES + RetryPolicy::INFRASTRUCTURE_TRIES,
                "more tries than allowed: {:?}", state
            );
            if before.is_finished() {
                prop_assert!(matches!(
                    event,
                    TaskEvent::Cleared | TaskEvent::MarkedSuccess | TaskEvent::MarkedFailed | TaskEvent::MarkedSkipped | TaskEvent::Restored
                ));
            }
        }

        // From wherever it is, cancelling brings it to its end.
        if !state.is_finished() {
            let rules = Rules { tries_before: world.tries_before, ..Rules::default() };
            let mut step = state.apply(TaskEvent::CancelRequested, &rules, now, &mut rng).unwrap();
            if let TaskState::Running { try_number, lease, .. } = step.state {
                step = step.state.apply(TaskEvent::LeaseExpired { try_number, lease }, &rules, now, &mut rng).unwrap();
            }
            prop_assert!(step.state.is_finished());
            prop_assert_eq!(step.state.reason(), Some(Reason::Cancelled));
        }
    }
}
