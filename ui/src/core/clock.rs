//! The time, for a page: when it is, and how a moment reads where the person is.

use chrono::{DateTime, FixedOffset, Utc};
use leptos::prelude::*;
use std::time::Duration;

/// The time in milliseconds since 1970, renewed each second.
#[derive(Clone, Copy)]
pub struct Ticker(RwSignal<i64>);

impl Ticker {
    /// Starts the ticker and gives it to all pages.
    pub fn provide() {
        let now = RwSignal::new(now_ms());
        provide_context(Self(now));
        // The page holds its ticker for as long as it lives, so the interval is never cleared.
        set_interval(move || now.set(now_ms()), Duration::from_secs(1));
    }
}

/// The time now, tracked: whoever reads it is called again each second.
#[must_use]
pub fn tracked_now_ms() -> i64 {
    use_context::<Ticker>().map_or_else(now_ms, |ticker| ticker.0.get())
}

/// The time now.
#[must_use]
pub fn now_ms() -> i64 {
    js_sys::Date::now() as i64
}

fn offset_at(at: DateTime<Utc>) -> FixedOffset {
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at.timestamp_millis() as f64));
    // The browser counts minutes from local time to UTC.
    FixedOffset::west_opt(date.get_timezone_offset() as i32 * 60)
        .unwrap_or(FixedOffset::east_opt(0).expect("nought is an offset"))
}

/// A moment in the person's time zone: `21 Nov 2026, 07:00:00`.
#[must_use]
pub fn local(at: DateTime<Utc>) -> String {
    stamp(at, offset_at(at))
}

/// The same without the seconds and, in this year, without the year.
#[must_use]
pub fn local_short(at: DateTime<Utc>) -> String {
    short(at, offset_at(at), DateTime::from_timestamp_millis(now_ms()).unwrap_or(at))
}

/// The time of day with milliseconds, for logs.
#[must_use]
pub fn local_time(at: DateTime<Utc>) -> String {
    at.with_timezone(&offset_at(at)).format("%H:%M:%S%.3f").to_string()
}

fn stamp(at: DateTime<Utc>, offset: FixedOffset) -> String {
    at.with_timezone(&offset).format("%-d %b %Y, %H:%M:%S").to_string()
}

fn short(at: DateTime<Utc>, offset: FixedOffset, now: DateTime<Utc>) -> String {
    let (at, now) = (at.with_timezone(&offset), now.with_timezone(&offset));
    let format = if at.format("%Y").to_string() == now.format("%Y").to_string() { "%-d %b, %H:%M" } else { "%-d %b %Y, %H:%M" };
    at.format(format).to_string()
}

/// A moment as it is written everywhere: `2026-11-21T06:00:00Z`.
#[must_use]
pub fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_where_the_person_is() {
        let at = DateTime::from_timestamp(1_795_233_600, 0).unwrap();
        let kathmandu = FixedOffset::east_opt(5 * 3_600 + 45 * 60).unwrap();
        assert_eq!(utc(at), "2026-11-21T04:00:00Z");
        assert_eq!(stamp(at, kathmandu), "21 Nov 2026, 09:45:00");
        assert_eq!(short(at, kathmandu, at), "21 Nov, 09:45");
        assert_eq!(short(at, kathmandu, DateTime::from_timestamp(1_800_000_000, 0).unwrap()), "21 Nov 2026, 09:45");
    }
}
