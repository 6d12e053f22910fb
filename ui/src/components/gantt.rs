//! When each task of a run waited and ran.

use crate::core::status::Status;
use crate::core::{clock, format};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// One line of the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The task.
    pub task: String,
    /// Its state.
    pub status: Status,
    /// When it began to wait for a worker.
    pub queued: Option<DateTime<Utc>>,
    /// When it began to run.
    pub start: Option<DateTime<Utc>>,
    /// When it ended.
    pub end: Option<DateTime<Utc>>,
}

/// The steps between which the axis chooses, in microseconds.
const STEPS: [u64; 25] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    1_800_000_000,
    3_600_000_000,
    7_200_000_000,
    21_600_000_000,
];

/// The marks of an axis of `length` microseconds: at most seven, at round values.
fn marks(length: u64) -> Vec<u64> {
    let step = STEPS.into_iter().find(|step| length / step <= 6).unwrap_or_else(|| (length / 6).max(1));
    (0..=length / step).map(|i| i * step).collect()
}

/// See the module.
#[component]
pub fn Gantt(
    /// The lines, in the order of the dag.
    #[prop(into)]
    spans: Signal<Vec<Span>>,
    /// The task that is looked at.
    #[prop(into)]
    selected: Signal<Option<String>>,
    /// Called with the task that the person chose.
    #[prop(into)]
    on_select: Callback<String>,
) -> impl IntoView {
    let bounds = Memo::new(move |_| {
        spans.with(|spans| {
            let micros = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_micros());
            let first = spans.iter().filter_map(|span| micros(span.queued).into_iter().chain(micros(span.start)).min()).min()?;
            let open = spans.iter().any(|span| span.status.is_active() && span.queued.or(span.start).is_some());
            let now = open.then(|| clock::tracked_now_ms() * 1_000);
            let last = spans.iter().filter_map(|span| micros(span.end).max(micros(span.start))).chain(now).max().unwrap_or(first);
            Some((first, (last - first).max(100) as u64))
        })
    });
    let axis = move || {
        bounds.get().map(|(_, length)| {
            marks(length).into_iter().map(|mark| (mark, mark as f64 / length as f64 * 100.0)).collect::<Vec<_>>()
        })
    };
    let lines = move || {
        let Some((first, length)) = bounds.get() else { return Vec::new() };
        let place = move |at: i64| ((at - first) as f64 / length as f64 * 100.0).clamp(0.0, 100.0);
        spans.get().into_iter().map(|span| (span, place)).collect::<Vec<_>>()
    };
    view! {
        <div class="gantt" tabindex="0" role="region" aria-label="Timeline of the run">
            <div class="gantt-axis" aria-hidden="true">
                {move || axis().map(|marks| marks.into_iter().map(|(mark, at)| view! { <span style=format!("left:{at:.2}%")>{if mark == 0 { "0".to_owned() } else { format::duration_us(mark) }}</span> }).collect_view())}
            </div>
            <ul>
                {move || lines().into_iter().map(|(span, place)| {
                    let task = span.task.clone();
                    let chosen = task.clone();
                    let is_selected = { let task = task.clone(); move || selected.with(|selected| selected.as_deref() == Some(task.as_str())) };
                    let now = clock::now_ms() * 1_000;
                    let begin = span.queued.or(span.start).map(|at| at.timestamp_micros());
                    let start = span.start.map(|at| at.timestamp_micros());
                    let end = span.end.map(|at| at.timestamp_micros()).or_else(|| (span.status.is_active() && begin.is_some()).then_some(now));
                    let bar = |class: &'static str, from: i64, to: i64| {
                        let (left, right) = (place(from), place(to));
                        view! { <i class=class style=format!("left:{left:.3}%;width:max({:.3}%, 3px)", (right - left).max(0.0))></i> }
                    };
                    let ran = start.zip(end).map(|(start, end)| format::duration_us((end - start).max(0) as u64));
                    let waited = begin.zip(start.or(end)).map(|(begin, start)| format::duration_us((start - begin).max(0) as u64));
                    let label = format!("{task}: {}{}{}", span.status.label(),
                        ran.as_ref().map(|ran| format!(", ran {ran}")).unwrap_or_default(),
                        waited.as_ref().map(|waited| format!(", waited {waited}")).unwrap_or_default());
                    view! {
                        <li>
                            <button type="button" class="gantt-line" data-state=span.status.slug() aria-pressed=move || is_selected().to_string() title=label.clone() aria-label=label
                                on:click=move |_| on_select.run(chosen.clone())>
                                <span class="clip task">{task}</span>
                                <span class="track">
                                    {begin.zip(start.or(end)).map(|(begin, start)| bar("wait", begin, start))}
                                    {start.zip(end).map(|(start, end)| bar("ran", start, end))}
                                </span>
                                <span class="num small faint">{ran.unwrap_or_else(|| "–".to_owned())}</span>
                            </button>
                        </li>
                    }
                }).collect_view()}
            </ul>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_a_few_round_marks() {
        assert_eq!(marks(5_300_000), vec![0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]);
        assert_eq!(marks(100), vec![0, 100]);
        for length in [1, 99, 12_345, 7_777_777, 86_400_000_000, 31_536_000_000_000] {
            let marks = marks(length);
            assert!((1..=7).contains(&marks.len()), "{length}: {marks:?}");
            assert!(marks.iter().all(|mark| *mark <= length));
        }
    }
}
