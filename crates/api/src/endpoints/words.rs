//! The domain's words, as they are sent. Each match is exhaustive: a new word does not compile until it has one here.

use cofferdam_api_types as wire;
use cofferdam_domain::callback::CallbackEvent;
use cofferdam_domain::definition::{DeadlineFrom, Diagnostic, Severity, Source, Span, SyntaxError};
use cofferdam_domain::ending::{Reason, Receipt};
use cofferdam_domain::run::{RunStateName, RunType};
use cofferdam_domain::task::TaskStateName;
use cofferdam_store::task_instances::TryEnding;

macro_rules! same_words {
    ($($function:ident($from:ident -> $to:ident) { $($word:ident)* })*) => {$(
        pub(super) const fn $function(word: $from) -> wire::$to {
            match word { $($from::$word => wire::$to::$word,)* }
        }
    )*};
}

same_words! {
    run_state(RunStateName -> DagRunState) { Queued Running Success Failed }
    run_type(RunType -> DagRunType) { Manual Scheduled Backfill Event }
    task_state(TaskStateName -> TaskState) {
        None Scheduled Queued Running Success Failed UpForRetry UpForReschedule Deferred UpstreamFailed Skipped Removed Restarting
    }
    try_ending(TryEnding -> TryEnding) { Success Failure Skip Reschedule Defer }
    reason(Reason -> Reason) {
        GuestError Fatal Trap StackOverflow OutOfFuel OutOfMemory TimedOut Cancelled WorkerLost PermissionDenied InvalidInput
        InvalidOutput InvalidComponent LimitExceeded SkippedByTask SkippedByRule BranchNotChosen ShortCircuited NothingToMap
        UpstreamFailed MarkedByUser Removed ChildFailed Rejected Undecodable Internal
    }
    severity(Severity -> Severity) { Error Warning }
    callback_event(CallbackEvent -> CallbackEvent) { OnSuccess OnFailure OnRetry OnSkipped Deadline }
    deadline_from(DeadlineFrom -> DeadlineFrom) { QueuedAt StartedAt LogicalDate }
}

pub(super) const fn receipt(receipt: Receipt) -> wire::Receipt {
    let Receipt {
        fuel,
        peak_memory_bytes,
        wall_us,
        cpu_us,
        input_bytes,
        output_bytes,
        stdio_bytes,
        log_bytes,
        http_calls,
        http_bytes,
    } = receipt;
    wire::Receipt {
        fuel,
        peak_memory_bytes,
        wall_us,
        cpu_us,
        input_bytes,
        output_bytes,
        stdio_bytes,
        log_bytes,
        http_calls,
        http_bytes,
    }
}

/// A diagnostic, with its places in the text that was sent, if one was.
pub(crate) fn diagnostic(diagnostic: Diagnostic, source: Option<&Source>) -> wire::Diagnostic {
    let span = |range: Option<std::ops::Range<usize>>| {
        let Span { line, column, end_line, end_column } = source?.span(&range?);
        Some(wire::TextSpan { line, column, end_line, end_column })
    };
    let value = |pointer: &str| span(source.and_then(|source| source.value(pointer)));
    wire::Diagnostic {
        span: span(source.and_then(|source| source.place_of(&diagnostic))),
        severity: severity(diagnostic.severity),
        code: diagnostic.code.as_str().to_owned(),
        pointer: diagnostic.pointer,
        message: diagnostic.message,
        help: diagnostic.help,
        place: diagnostic.place.map(|place| wire::TextPlace { line: place.line, column: place.column }),
        labels: diagnostic
            .labels
            .into_iter()
            .map(|label| wire::DiagnosticLabel { span: value(&label.pointer), pointer: label.pointer, message: label.message })
            .collect(),
        suggestion: diagnostic.suggestion.map(|suggestion| wire::DiagnosticSuggestion {
            span: span(source.and_then(|source| match suggestion.is_key {
                true => source.key(&suggestion.pointer),
                false => source.value(&suggestion.pointer),
            })),
            pointer: suggestion.pointer,
            is_key: suggestion.is_key,
            replacement: suggestion.replacement,
        }),
        source: Vec::new(),
    }
}

/// A diagnostic about a definition, with its place in the text.
pub(crate) fn located(mut found: wire::Diagnostic, source: &Source) -> wire::Diagnostic {
    let span = source.place(&found.pointer, None, false).map(|range| source.span(&range));
    found.span = span.map(|Span { line, column, end_line, end_column }| wire::TextSpan { line, column, end_line, end_column });
    found
}

/// The file that a version of a dag came from.
pub(super) fn origin(origin: cofferdam_store::bundles::Origin) -> wire::DagOrigin {
    wire::DagOrigin { bundle: origin.bundle, path: origin.path, commit: origin.commit }
}

/// A text that cannot be read, as a diagnostic.
pub(crate) fn syntax(error: SyntaxError) -> wire::Diagnostic {
    let span =
        error.line.zip(error.column).map(|(line, column)| wire::TextSpan { line, column, end_line: line, end_column: column });
    wire::Diagnostic {
        severity: wire::Severity::Error,
        code: "syntax".to_owned(),
        pointer: String::new(),
        message: error.message,
        help: None,
        span,
        place: None,
        labels: Vec::new(),
        suggestion: None,
        source: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_domain::event::Event;
    use cofferdam_ids::{DagId, DagRunId, TaskId};

    #[test]
    fn words_are_spelt_the_same_on_both_sides() {
        for word in TaskStateName::ALL {
            assert_eq!(task_state(*word).as_str(), word.as_str());
            assert_eq!(task_state(*word).is_finished(), word.is_finished());
        }
        for word in RunStateName::ALL {
            assert_eq!(run_state(*word).as_str(), word.as_str());
            assert_eq!(run_state(*word).is_finished(), word.is_finished());
        }
        for word in CallbackEvent::ALL {
            assert_eq!(callback_event(*word).as_str(), word.as_str());
        }
        for word in Reason::ALL {
            assert_eq!(reason(*word).as_str(), word.as_str());
        }
    }

    #[test]
    fn what_the_engine_publishes_can_be_sent() {
        let (dag_id, dag_run_id, task_id) =
            (DagId::new("d").unwrap(), DagRunId::new("manual__1").unwrap(), TaskId::new("t").unwrap());
        let events = vec![
            Event::Dag { dag_id: dag_id.clone() },
            Event::DagRun { dag_id: dag_id.clone(), dag_run_id: dag_run_id.clone(), state: RunStateName::Running },
            Event::TaskInstance {
                dag_id: dag_id.clone(),
                dag_run_id: dag_run_id.clone(),
                task_id: task_id.clone(),
                map_index: -1,
                state: TaskStateName::Failed,
                reason: Some(Reason::Trap),
                try_number: 2,
                at: chrono::DateTime::from_timestamp(1, 0).unwrap(),
            },
            Event::DeadlineMissed {
                dag_id: dag_id.clone(),
                dag_run_id: dag_run_id.clone(),
                task_id: None,
                due_at: chrono::DateTime::from_timestamp(1, 0).unwrap(),
            },
            Event::Progress { dag_id, dag_run_id, task_id, map_index: -1, fraction: 0.5, message: "half".into() },
        ];
        let payload = serde_json::to_value(&events).unwrap();
        let read: Vec<wire::Event> = serde_json::from_value(payload.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), payload);
    }
}
