use super::*;
use crate::ending::{Ending, Reason};
use crate::retry::RetryPolicy;
use crate::trigger_rule::Verdict;
use chrono::TimeZone;
use cofferdam_ids::{LeaseToken, WorkerId};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn at(second: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 6, 0, second).unwrap()
}

fn worker() -> WorkerId {
    "0193b1f0-0000-7000-8000-000000000001".parse().unwrap()
}

fn rules(max_tries: u32) -> Rules {
    let retry = RetryPolicy { max_tries, delay_ms: 10_000, jitter: 0.0, ..RetryPolicy::default() };
    Rules { retry, tries_before: 0, hold: false }
}

fn apply(state: &TaskState, event: TaskEvent, rules: &Rules, now: DateTime<Utc>) -> Result<Step, Refused> {
    state.clone().apply(event, rules, now, &mut StdRng::seed_from_u64(1))
}

fn queued(try_number: u32, last_lease: i64) -> TaskState {
    TaskState::Queued { try_number, last_lease: LeaseToken(last_lease), since: at(0) }
}

fn running(try_number: u32, lease: i64) -> TaskState {
    TaskState::Running { try_number, lease: LeaseToken(lease), worker: worker(), since: at(1), cancel_requested: false }
}

fn started(try_number: u32, lease: i64) -> TaskEvent {
    TaskEvent::Started { try_number, lease: LeaseToken(lease), worker: worker() }
}

fn ended(try_number: u32, lease: i64, ending: Ending) -> TaskEvent {
    TaskEvent::Ended { try_number, lease: LeaseToken(lease), ending }
}

fn success() -> Ending {
    Ending::Success { output: "1".to_owned() }
}

fn failure() -> Ending {
    Ending::failure(Reason::GuestError, "no")
}

/// One state of each kind; the latest lease is 5, and try 1 is the one at hand.
fn one_of_each() -> Vec<TaskState> {
    let (try_number, last_lease) = (1, LeaseToken(5));
    vec![
        TaskState::None { try_number, last_lease },
        TaskState::Scheduled { try_number, last_lease, since: at(0), not_before: None },
        TaskState::Queued { try_number, last_lease, since: at(0) },
        TaskState::Running { try_number, lease: LeaseToken(6), worker: worker(), since: at(0), cancel_requested: false },
        TaskState::Success { try_number, last_lease, at: at(0), reason: None },
        TaskState::Failed { try_number, last_lease, reason: Reason::Trap, at: at(0) },
        // The try that failed was 0, so that here too try 1 comes next.
        TaskState::UpForRetry { try_number: 0, last_lease, reason: Reason::Trap, due: at(0) },
        TaskState::UpForReschedule { try_number, last_lease, due: at(0) },
        TaskState::Deferred { try_number, last_lease, event: "go".to_owned(), due: at(0) },
        TaskState::UpstreamFailed { try_number, last_lease, at: at(0) },
        TaskState::Skipped { try_number, last_lease, reason: Reason::SkippedByRule, at: at(0) },
        TaskState::Removed { try_number, last_lease, at: at(0) },
        TaskState::Restarting { try_number, lease: LeaseToken(6), worker: worker(), since: at(0) },
    ]
}

#[test]
fn there_is_one_of_each() {
    let names: Vec<_> = one_of_each().iter().map(TaskState::name).collect();
    assert_eq!(names, TaskStateName::ALL);
}

#[test]
fn names_read_back() {
    for name in TaskStateName::ALL {
        assert_eq!(TaskStateName::parse(name.as_str()), Some(*name));
        assert_eq!(serde_json::to_value(name).unwrap(), serde_json::json!(name.as_str()));
    }
    for state in one_of_each() {
        let stored = serde_json::to_value(&state).unwrap();
        assert_eq!(stored["state"], state.name().as_str());
        assert_eq!(serde_json::from_value::<TaskState>(stored).unwrap(), state);
    }
}

/// The whole machine in one table: for each state (down) and event (across) the state after it, `-` when refused.
#[test]
fn every_state_accepts_what_the_events_say() {
    let events = [
        TaskEvent::UpstreamsDone(Verdict::Ready),
        TaskEvent::Hold,
        TaskEvent::Release,
        TaskEvent::Enqueued,
        started(1, 6),
        ended(1, 6, success()),
        TaskEvent::LeaseExpired { try_number: 1, lease: LeaseToken(6) },
        TaskEvent::HandedBack { try_number: 1, lease: LeaseToken(6) },
        TaskEvent::WakeUp,
        TaskEvent::EventArrived { name: "go".to_owned() },
        TaskEvent::CancelRequested,
        TaskEvent::Cleared,
        TaskEvent::MarkedSuccess,
        TaskEvent::MarkedFailed,
        TaskEvent::MarkedSkipped,
        TaskEvent::Removed,
        TaskEvent::LeftOut(LeftOut::NothingToMap),
        TaskEvent::Restored,
    ];
    // ready hold release enqueued started ended expired handed wake event cancel clear success failed skipped removed left_out restored
    let table = "
        none              queued - - - - - - - - - skipped none success failed skipped removed skipped -
        scheduled         - - queued - running success queued queued - - skipped none success failed skipped removed skipped -
        queued            - scheduled - queued running success queued queued - - skipped none success failed skipped removed skipped -
        running           - - - - running success queued queued - - running restarting success failed skipped removed - -
        success           - - - - - - - - - - - none success failed skipped - - -
        failed            - - - - - - - - - - - none success failed skipped - - -
        up_for_retry      - scheduled - - running success queued queued queued - skipped none success failed skipped removed - -
        up_for_reschedule - scheduled - - running success queued queued queued - skipped none success failed skipped removed - -
        deferred          - - - - - - - - queued queued skipped none success failed skipped removed - -
        upstream_failed   - - - - - - - - - - - none success failed skipped - - -
        skipped           - - - - - - - - - - - none success failed skipped - - -
        removed           - - - - - - - - - - - - - - - - - none
        restarting        - - - - restarting none none none - - running restarting success failed skipped removed - -
    ";
    let rows: Vec<Vec<&str>> = table.trim().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), TaskStateName::ALL.len());
    for (state, row) in one_of_each().iter().zip(rows) {
        assert_eq!(row[0], state.name().as_str());
        assert_eq!(row.len(), events.len() + 1);
        for (event, expected) in events.iter().zip(&row[1..]) {
            let after = match apply(state, event.clone(), &rules(1), at(2)) {
                Ok(step) => step.state.name().as_str(),
                Err(refused) => {
                    assert_eq!(refused.state, *state, "a refused event gives the state back");
                    "-"
                }
            };
            assert_eq!(after, *expected, "{} + {}", state.name(), event.name());
        }
    }
}

#[test]
fn a_ready_task_is_queued_and_a_held_one_scheduled() {
    let step = apply(&TaskState::new(), TaskEvent::UpstreamsDone(Verdict::Ready), &rules(1), at(2)).unwrap();
    assert_eq!(step.state, TaskState::Queued { try_number: 1, last_lease: LeaseToken(0), since: at(2) });
    assert_eq!(step.effects, [Effect::Enqueue { try_number: 1, not_before: None }]);

    let held = Rules { hold: true, ..rules(1) };
    let step = apply(&TaskState::new(), TaskEvent::UpstreamsDone(Verdict::Ready), &held, at(2)).unwrap();
    assert_eq!(step.state.name(), TaskStateName::Scheduled);
    assert_eq!(step.effects, []);
    let step = apply(&step.state, TaskEvent::Release, &rules(1), at(3)).unwrap();
    assert_eq!(step.effects, [Effect::Enqueue { try_number: 1, not_before: None }]);
}

#[test]
fn verdicts_other_than_ready() {
    let none = TaskState::new();
    let wait = apply(&none, TaskEvent::UpstreamsDone(Verdict::Wait), &rules(1), at(2)).unwrap();
    assert_eq!((wait.state, wait.effects), (none.clone(), vec![]));
    let skip = apply(&none, TaskEvent::UpstreamsDone(Verdict::Skip), &rules(1), at(2)).unwrap();
    assert_eq!(skip.state.reason(), Some(Reason::SkippedByRule));
    assert_eq!(skip.effects, [Effect::ReleaseDependants(Outcome::Skipped)]);
    let failed = apply(&none, TaskEvent::UpstreamsDone(Verdict::UpstreamFailed), &rules(1), at(2)).unwrap();
    assert_eq!(failed.state.name(), TaskStateName::UpstreamFailed);
    assert_eq!(failed.effects, [Effect::ReleaseDependants(Outcome::UpstreamFailed)]);
}

#[test]
fn what_a_decision_leaves_out_is_skipped_before_it_starts() {
    let bypassed = TaskEvent::Bypassed(Reason::BranchNotChosen);
    let step = apply(&TaskState::new(), bypassed.clone(), &rules(1), at(2)).unwrap();
    assert_eq!((step.state.name(), step.state.reason()), (TaskStateName::Skipped, Some(Reason::BranchNotChosen)));
    assert_eq!(step.effects, [Effect::ReleaseDependants(Outcome::Skipped)]);
    for state in one_of_each().iter().filter(|state| state.name() != TaskStateName::None) {
        assert!(apply(state, bypassed.clone(), &rules(1), at(2)).is_err(), "{state:?}");
    }
}

#[test]
fn a_result_counts_although_the_record_of_running_was_lost() {
    let step = apply(&queued(1, 0), ended(1, 7, success()), &rules(1), at(2)).unwrap();
    assert_eq!(step.state, TaskState::Success { try_number: 1, last_lease: LeaseToken(7), at: at(2), reason: None });
    assert_eq!(step.effects, [Effect::ReleaseDependants(Outcome::Success)]);
    // The late record of `running`, and the same result again, are refused.
    assert_eq!(apply(&step.state, started(1, 7), &rules(1), at(3)).unwrap_err().why, Why::Finished);
    assert_eq!(apply(&step.state, ended(1, 7, success()), &rules(1), at(3)).unwrap_err().why, Why::Finished);
}

#[test]
fn an_older_lease_is_refused() {
    let refused = apply(&running(1, 7), ended(1, 6, success()), &rules(1), at(2)).unwrap_err();
    assert_eq!(refused.why, Why::OldLease { given: LeaseToken(6), known: LeaseToken(7) });
    assert_eq!(
        refused.to_string(),
        "a task instance that is running does not accept 'ended': lease 6 is older than lease 7, or was used up"
    );
    // Handed back under lease 7: only a later lease counts.
    assert!(apply(&queued(1, 7), ended(1, 7, success()), &rules(1), at(2)).is_err());
    assert!(apply(&queued(1, 7), ended(1, 8, success()), &rules(1), at(2)).is_ok());
}

#[test]
fn a_later_lease_takes_over() {
    let step = apply(&running(1, 7), started(1, 9), &rules(1), at(2)).unwrap();
    assert_eq!(step.state.last_lease(), LeaseToken(9));
    assert!(apply(&step.state, ended(1, 7, success()), &rules(1), at(3)).is_err());
    // The same report again changes nothing.
    let again = apply(&step.state, started(1, 9), &rules(1), at(4)).unwrap();
    assert_eq!((again.state, again.effects), (step.state, vec![]));
}

#[test]
fn a_failed_try_is_followed_by_another_after_the_delay() {
    let step = apply(&running(1, 7), ended(1, 7, failure()), &rules(2), at(2)).unwrap();
    assert_eq!(
        step.state,
        TaskState::UpForRetry { try_number: 1, last_lease: LeaseToken(7), reason: Reason::GuestError, due: at(12) }
    );
    assert_eq!(step.effects, [Effect::Enqueue { try_number: 2, not_before: Some(at(12)) }]);
    // The queue lets it go when it is due: the worker's reports come before or after the reconciler's.
    assert_eq!(apply(&step.state, TaskEvent::WakeUp, &rules(2), at(11)).unwrap_err().why, Why::NotDue);
    let woken = apply(&step.state, TaskEvent::WakeUp, &rules(2), at(12)).unwrap();
    assert_eq!((woken.state.name(), woken.state.try_number()), (TaskStateName::Queued, 2));
    assert_eq!(woken.effects, [Effect::Enqueue { try_number: 2, not_before: None }]);
    for state in [&step.state, &woken.state] {
        let failed = apply(state, ended(2, 8, failure()), &rules(2), at(13)).unwrap();
        assert_eq!(
            failed.state,
            TaskState::Failed { try_number: 2, last_lease: LeaseToken(8), reason: Reason::GuestError, at: at(13) }
        );
        assert_eq!(failed.effects, [Effect::ReleaseDependants(Outcome::Failed)]);
    }
    // The first try's result does not come a second time.
    assert_eq!(
        apply(&step.state, ended(1, 7, success()), &rules(2), at(13)).unwrap_err().why,
        Why::OtherTry { given: 1, due: 2 }
    );
}

#[test]
fn a_fatal_failure_is_the_end() {
    let step = apply(&running(1, 7), ended(1, 7, Ending::failure(Reason::Fatal, "")), &rules(9), at(2)).unwrap();
    assert_eq!(step.state.reason(), Some(Reason::Fatal));
    assert_eq!(step.state.name(), TaskStateName::Failed);
}

#[test]
fn a_lost_worker_is_replaced_at_once_and_a_few_times_beyond_the_policy() {
    let mut state = queued(1, 0);
    for try_number in 1..=4 {
        let lease = LeaseToken(i64::from(try_number));
        let step = apply(&state, TaskEvent::LeaseExpired { try_number, lease }, &rules(1), at(2)).unwrap();
        if try_number < 4 {
            assert_eq!(step.effects, [Effect::Enqueue { try_number: try_number + 1, not_before: None }]);
        } else {
            assert_eq!(step.state, TaskState::Failed { try_number, last_lease: lease, reason: Reason::WorkerLost, at: at(2) });
        }
        state = step.state;
    }
}

#[test]
fn a_handed_back_try_keeps_its_number() {
    let event = TaskEvent::HandedBack { try_number: 1, lease: LeaseToken(7) };
    let step = apply(&running(1, 7), event, &rules(1), at(2)).unwrap();
    assert_eq!(step.state, TaskState::Queued { try_number: 1, last_lease: LeaseToken(7), since: at(2) });
    assert_eq!(step.effects, [Effect::Enqueue { try_number: 1, not_before: None }]);
}

#[test]
fn rescheduling_keeps_the_try() {
    let step = apply(&running(1, 7), ended(1, 7, Ending::Reschedule { after_ms: 5_000 }), &rules(1), at(2)).unwrap();
    assert_eq!(step.state, TaskState::UpForReschedule { try_number: 1, last_lease: LeaseToken(7), due: at(7) });
    assert_eq!(step.effects, [Effect::Enqueue { try_number: 1, not_before: Some(at(7)) }]);
    let step = apply(&step.state, started(1, 8), &rules(1), at(7)).unwrap();
    assert_eq!(step.state.name(), TaskStateName::Running);
    // An absurd time does not overflow.
    let step = apply(&running(1, 7), ended(1, 7, Ending::Reschedule { after_ms: u64::MAX }), &rules(1), at(2)).unwrap();
    assert_eq!(step.state.name(), TaskStateName::UpForReschedule);
}

#[test]
fn a_deferred_task_wakes_by_its_event_or_in_time() {
    let ending = Ending::Defer { event: "file".to_owned(), timeout_ms: 5_000 };
    let deferred = apply(&running(1, 7), ended(1, 7, ending), &rules(1), at(2)).unwrap();
    assert_eq!(deferred.effects, []);
    let other = TaskEvent::EventArrived { name: "other".to_owned() };
    assert_eq!(apply(&deferred.state, other, &rules(1), at(3)).unwrap_err().why, Why::OtherEvent);
    let event = TaskEvent::EventArrived { name: "file".to_owned() };
    for (event, now) in [(event, at(3)), (TaskEvent::WakeUp, at(7))] {
        let woken = apply(&deferred.state, event, &rules(1), now).unwrap();
        assert_eq!(woken.state, TaskState::Queued { try_number: 1, last_lease: LeaseToken(7), since: now });
        assert_eq!(woken.effects, [Effect::Enqueue { try_number: 1, not_before: None }]);
    }
    assert_eq!(apply(&deferred.state, TaskEvent::WakeUp, &rules(1), at(6)).unwrap_err().why, Why::NotDue);
}

#[test]
fn cancelling_what_does_not_run_skips_it() {
    let step = apply(&queued(1, 0), TaskEvent::CancelRequested, &rules(1), at(2)).unwrap();
    assert_eq!(step.state, TaskState::Skipped { try_number: 1, last_lease: LeaseToken(0), reason: Reason::Cancelled, at: at(2) });
    assert_eq!(step.effects, [Effect::WithdrawFromQueue, Effect::StopSandbox, Effect::ReleaseDependants(Outcome::Skipped)]);
}

#[test]
fn whatever_comes_from_a_cancelled_try_it_has_failed() {
    let step = apply(&running(1, 7), TaskEvent::CancelRequested, &rules(9), at(2)).unwrap();
    assert_eq!(step.state.name(), TaskStateName::Running);
    assert_eq!(step.effects, [Effect::StopSandbox]);
    let lease = LeaseToken(7);
    for event in [
        ended(1, 7, success()),
        ended(1, 7, failure()),
        ended(1, 7, Ending::Reschedule { after_ms: 1 }),
        TaskEvent::LeaseExpired { try_number: 1, lease },
        TaskEvent::HandedBack { try_number: 1, lease },
    ] {
        let end = apply(&step.state, event, &rules(9), at(3)).unwrap();
        assert_eq!(end.state, TaskState::Failed { try_number: 1, last_lease: lease, reason: Reason::Cancelled, at: at(3) });
        assert_eq!(end.effects, [Effect::ReleaseDependants(Outcome::Failed)]);
    }
    // A worker that took over meanwhile is told to stop too.
    let other = apply(&step.state, started(1, 8), &rules(9), at(3)).unwrap();
    assert_eq!(other.effects, [Effect::StopSandbox]);
}

#[test]
fn clearing_starts_anew_with_new_try_numbers() {
    let failed = TaskState::Failed { try_number: 3, last_lease: LeaseToken(7), reason: Reason::Trap, at: at(1) };
    let cleared = apply(&failed, TaskEvent::Cleared, &rules(1), at(2)).unwrap();
    assert_eq!(cleared.state, TaskState::None { try_number: 3, last_lease: LeaseToken(7) });
    assert_eq!(
        cleared.effects,
        [
            Effect::RetractOutcome(Outcome::Failed),
            Effect::ReopenRun,
            Effect::ForgetTries { tries_before: 3 },
            Effect::CheckUpstreams
        ]
    );
    // The policy counts from there.
    let after = Rules { tries_before: 3, ..rules(2) };
    let queued = apply(&cleared.state, TaskEvent::UpstreamsDone(Verdict::Ready), &after, at(2)).unwrap();
    let first = apply(&queued.state, ended(4, 8, failure()), &after, at(3)).unwrap();
    assert_eq!(first.state.name(), TaskStateName::UpForRetry);
    let second = apply(&first.state, ended(5, 9, failure()), &after, at(20)).unwrap();
    assert_eq!(second.state.name(), TaskStateName::Failed);
}

#[test]
fn a_late_result_of_a_cleared_try_is_not_taken_for_the_next() {
    // Queued, claimed under lease 6 without a record of it, then cleared and queued again.
    let cleared = apply(&queued(1, 0), TaskEvent::Cleared, &rules(1), at(2)).unwrap();
    assert!(cleared.effects.contains(&Effect::StopSandbox));
    let again = apply(&cleared.state, TaskEvent::UpstreamsDone(Verdict::Ready), &rules(1), at(2)).unwrap();
    assert_eq!(
        apply(&again.state, ended(1, 6, success()), &rules(1), at(3)).unwrap_err().why,
        Why::OtherTry { given: 1, due: 2 }
    );
    // The same for a retry that was in the queue already.
    let retry = TaskState::UpForRetry { try_number: 1, last_lease: LeaseToken(5), reason: Reason::Trap, due: at(9) };
    for event in [TaskEvent::Cleared, TaskEvent::CancelRequested, TaskEvent::MarkedFailed] {
        let stopped = apply(&retry, event, &rules(1), at(2)).unwrap();
        let cleared = apply(&stopped.state, TaskEvent::Cleared, &rules(1), at(2)).unwrap();
        let again = apply(&cleared.state, TaskEvent::UpstreamsDone(Verdict::Ready), &rules(1), at(2)).unwrap();
        assert!(apply(&again.state, ended(2, 6, success()), &rules(1), at(3)).is_err());
    }
}

#[test]
fn a_running_task_that_is_cleared_stops_first() {
    let step = apply(&running(1, 7), TaskEvent::Cleared, &rules(1), at(2)).unwrap();
    assert_eq!(step.state.name(), TaskStateName::Restarting);
    assert_eq!(step.effects, [Effect::StopSandbox, Effect::ForgetTries { tries_before: 1 }]);
    let stopped = apply(&step.state, ended(1, 7, success()), &rules(1), at(3)).unwrap();
    assert_eq!(stopped.state, TaskState::None { try_number: 1, last_lease: LeaseToken(7) });
    assert_eq!(stopped.effects, [Effect::CheckUpstreams]);
}

#[test]
fn holding_keeps_the_time_of_a_retry() {
    let retry = TaskState::UpForRetry { try_number: 1, last_lease: LeaseToken(5), reason: Reason::Trap, due: at(9) };
    let held = apply(&retry, TaskEvent::Hold, &rules(2), at(2)).unwrap();
    assert_eq!(held.effects, [Effect::WithdrawFromQueue]);
    let early = apply(&held.state, TaskEvent::Release, &rules(2), at(3)).unwrap();
    assert_eq!(early.effects, [Effect::Enqueue { try_number: 2, not_before: Some(at(9)) }]);
    let late = apply(&held.state, TaskEvent::Release, &rules(2), at(10)).unwrap();
    assert_eq!(late.effects, [Effect::Enqueue { try_number: 2, not_before: None }]);
    // Withdrawn too late: the worker's result still counts.
    assert!(apply(&held.state, ended(2, 6, success()), &rules(2), at(4)).is_ok());
}

#[test]
fn a_mark_replaces_what_was_counted() {
    let failed = TaskState::Failed { try_number: 1, last_lease: LeaseToken(7), reason: Reason::Trap, at: at(1) };
    let step = apply(&failed, TaskEvent::MarkedSuccess, &rules(1), at(2)).unwrap();
    assert_eq!(step.state.reason(), Some(Reason::MarkedByUser));
    assert_eq!(step.effects, [Effect::RetractOutcome(Outcome::Failed), Effect::ReleaseDependants(Outcome::Success)]);
}

#[test]
fn what_the_queue_has_lost_is_put_there_again() {
    let step = apply(&queued(2, 5), TaskEvent::Enqueued, &rules(3), at(9)).unwrap();
    assert_eq!(step.state, TaskState::Queued { try_number: 2, last_lease: LeaseToken(5), since: at(9) });
    assert_eq!(step.effects, [Effect::Enqueue { try_number: 2, not_before: None }]);
}
