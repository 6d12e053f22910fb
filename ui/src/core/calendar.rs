//! A year as weeks of days.

use chrono::{Datelike, Days, NaiveDate};
use cofferdam_api_types::{CalendarDay, DagRunState};

/// A week from Monday to Sunday. Days of other years are not there.
pub type Week = [Option<NaiveDate>; 7];

/// The weeks of a year.
#[must_use]
pub fn weeks(year: i32) -> Vec<Week> {
    let (Some(first), Some(last)) = (NaiveDate::from_ymd_opt(year, 1, 1), NaiveDate::from_ymd_opt(year, 12, 31)) else {
        return Vec::new();
    };
    let mut weeks: Vec<Week> = Vec::new();
    for day in first.iter_days().take_while(|day| *day <= last) {
        let row = day.weekday().num_days_from_monday() as usize;
        if row == 0 || weeks.is_empty() {
            weeks.push([None; 7]);
        }
        if let Some(week) = weeks.last_mut() {
            week[row] = Some(day);
        }
    }
    weeks
}

/// The name of the month that begins in a week.
#[must_use]
pub fn month_of(week: &Week) -> Option<&'static str> {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let first = week.iter().flatten().find(|day| day.day() == 1)?;
    NAMES.get(first.month0() as usize).copied()
}

/// The day that an arrow key leads to.
#[must_use]
pub fn moved(day: NaiveDate, key: &str) -> Option<NaiveDate> {
    match key {
        "ArrowUp" => day.checked_sub_days(Days::new(1)),
        "ArrowDown" => day.checked_add_days(Days::new(1)),
        "ArrowLeft" => day.checked_sub_days(Days::new(7)),
        "ArrowRight" => day.checked_add_days(Days::new(7)),
        _ => None,
    }
}

/// How a day looks: the state that matters most, and how strongly it is shown, in per cent.
#[must_use]
pub fn look(day: &CalendarDay) -> Option<(DagRunState, u32)> {
    let of = |state: DagRunState| day.states.get(&state).copied().unwrap_or(0);
    let all: u64 = day.states.values().sum();
    if all == 0 {
        return None;
    }
    let order = [DagRunState::Failed, DagRunState::Running, DagRunState::Queued, DagRunState::Success];
    let state = order.into_iter().find(|state| of(*state) > 0)?;
    // One failure among many is seen, and a day on which all failed stands out.
    let share = if state == DagRunState::Failed { 45 + (55 * of(state) / all) as u32 } else { 100 };
    Some((state, share))
}

/// The day in words: `24 runs: 2 failed, 22 success; 3 planned`.
#[must_use]
pub fn words(day: &CalendarDay) -> String {
    let all: u64 = day.states.values().sum();
    let order = [DagRunState::Failed, DagRunState::Running, DagRunState::Queued, DagRunState::Success];
    let parts: Vec<String> =
        order.into_iter().filter_map(|state| day.states.get(&state).map(|count| format!("{count} {state}"))).collect();
    let mut text = match all {
        0 => String::new(),
        1 => format!("1 run: {}", parts.join(", ")),
        all => format!("{all} runs: {}", parts.join(", ")),
    };
    if day.planned > 0 {
        text.push_str(&format!("{}{} planned", if text.is_empty() { "" } else { "; " }, day.planned));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_year_has_each_of_its_days_once() {
        for (year, days) in [(2024, 366), (2026, 365)] {
            let weeks = weeks(year);
            assert_eq!(weeks.iter().flatten().flatten().count(), days);
            assert!(weeks.iter().all(|week| {
                week.iter()
                    .enumerate()
                    .all(|(row, day)| day.is_none_or(|day| day.weekday().num_days_from_monday() as usize == row))
            }));
            let months: Vec<_> = weeks.iter().filter_map(month_of).collect();
            assert_eq!((months.len(), months[0], months[11]), (12, "Jan", "Dec"));
        }
        // 2026 begins on a Thursday.
        assert_eq!(weeks(2026)[0][..4], [None, None, None, Some(date("2026-01-01"))]);
    }

    #[test]
    fn a_failure_colours_the_day_by_its_share() {
        let day = |states: &[(DagRunState, u64)], planned| CalendarDay {
            date: date("2026-11-21"),
            states: states.iter().copied().collect(),
            planned,
        };
        assert_eq!(look(&day(&[], 3)), None);
        assert_eq!(look(&day(&[(DagRunState::Success, 4)], 0)), Some((DagRunState::Success, 100)));
        assert_eq!(look(&day(&[(DagRunState::Success, 10), (DagRunState::Failed, 1)], 0)), Some((DagRunState::Failed, 50)));
        assert_eq!(look(&day(&[(DagRunState::Failed, 2)], 0)), Some((DagRunState::Failed, 100)));
        assert_eq!(
            words(&day(&[(DagRunState::Success, 22), (DagRunState::Failed, 2)], 3)),
            "24 runs: 2 failed, 22 success; 3 planned"
        );
        assert_eq!(words(&day(&[], 2)), "2 planned");
    }

    #[test]
    fn arrows_move_by_days_and_weeks() {
        let day = date("2026-11-21");
        assert_eq!(moved(day, "ArrowDown"), Some(date("2026-11-22")));
        assert_eq!(moved(day, "ArrowLeft"), Some(date("2026-11-14")));
        assert_eq!(moved(day, "Enter"), None);
    }
}
