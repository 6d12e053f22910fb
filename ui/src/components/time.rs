//! Moments and spans that stay right while one looks at them.

use crate::core::{clock, format};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// A moment, told from now; the tooltip has the whole.
#[component]
pub fn Ago(
    /// The moment.
    #[prop(into)]
    at: Signal<DateTime<Utc>>,
) -> impl IntoView {
    let text = Memo::new(move |_| format::relative(at.get().timestamp_millis() - clock::tracked_now_ms()));
    view! { <time class="nowrap" datetime=move || clock::utc(at.get()) title=move || full(at.get())>{text}</time> }
}

/// A moment on the clock and calendar of the person.
#[component]
pub fn Moment(
    /// The moment.
    #[prop(into)]
    at: Signal<DateTime<Utc>>,
    /// Without seconds and, in this year, without the year.
    #[prop(optional)]
    short: bool,
) -> impl IntoView {
    let text = move || if short { clock::local_short(at.get()) } else { clock::local(at.get()) };
    view! { <time class="nowrap" datetime=move || clock::utc(at.get()) title=move || full(at.get())>{text}</time> }
}

fn full(at: DateTime<Utc>) -> String {
    format!("{} local time\n{}", clock::local(at), clock::utc(at))
}

/// The time from `start` to `end`, or to now while there is no end.
#[component]
pub fn Elapsed(
    /// When it began.
    #[prop(into)]
    start: Signal<Option<DateTime<Utc>>>,
    /// When it ended.
    #[prop(into)]
    end: Signal<Option<DateTime<Utc>>>,
) -> impl IntoView {
    let text = Memo::new(move |_| elapsed(start.get(), end.get()));
    view! { <span class="nowrap num">{text}</span> }
}

fn elapsed(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> String {
    match (start, end) {
        (Some(start), Some(end)) => format::duration_us((end - start).num_microseconds().unwrap_or(0).max(0) as u64),
        (Some(start), None) => format::duration_s(((clock::tracked_now_ms() - start.timestamp_millis()) / 1_000).max(0) as f64),
        (None, _) => "–".to_owned(),
    }
}
