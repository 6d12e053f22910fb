use super::*;
use cofferdam_ids::DagId;
use proptest::prelude::*;

fn time(text: &str) -> DateTime<Utc> {
    let full = if text.len() == 16 { format!("{text}:00Z") } else { format!("{text}Z") };
    DateTime::parse_from_rfc3339(&full).unwrap().with_timezone(&Utc)
}

fn schedule(text: &str, zone: &str) -> Schedule {
    Schedule::parse(text, parse_timezone(zone).unwrap()).unwrap()
}

/// The next ticks after a time (UTC).
fn ticks(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(text, zone);
    let mut now = time(after);
    (0..count)
        .map(|_| {
            now = schedule.next_after(now).unwrap();
            now.format("%Y-%m-%dT%H:%M").to_string()
        })
        .collect()
}

/// 1 November 2026 is a Sunday.
const START: &str = "2026-10-31T23:59";

/// The examples of the manual page crontab(5), and its rules.
#[test]
fn crontab_5() {
    assert_eq!(ticks("5 0 * * *", "UTC", START, 2), ["2026-11-01T00:05", "2026-11-02T00:05"]);
    assert_eq!(ticks("15 14 1 * *", "UTC", START, 2), ["2026-11-01T14:15", "2026-12-01T14:15"]);
    assert_eq!(ticks("0 22 * * 1-5", "UTC", "2026-11-06T00:00", 2), ["2026-11-06T22:00", "2026-11-09T22:00"]);
    assert_eq!(ticks("23 0-23/2 * * *", "UTC", START, 3), ["2026-11-01T00:23", "2026-11-01T02:23", "2026-11-01T04:23"]);
    assert_eq!(ticks("5 4 * * sun", "UTC", START, 2), ["2026-11-01T04:05", "2026-11-08T04:05"]);
    // 0 and 7 are both Sunday.
    assert_eq!(ticks("5 4 * * 0", "UTC", START, 3), ticks("5 4 * * 7", "UTC", START, 3));
    // When both the day of the month and the day of the week are given, either will do.
    assert_eq!(
        ticks("30 4 1,15 * 5", "UTC", START, 7),
        [
            "2026-11-01T04:30",
            "2026-11-06T04:30",
            "2026-11-13T04:30",
            "2026-11-15T04:30",
            "2026-11-20T04:30",
            "2026-11-27T04:30",
            "2026-12-01T04:30"
        ]
    );
    assert_eq!(
        ticks("0 0 13 * 5", "UTC", "2026-11-28T00:00", 4),
        ["2026-12-04T00:00", "2026-12-11T00:00", "2026-12-13T00:00", "2026-12-18T00:00"]
    );
    assert_eq!(ticks("0 0 1 jan-mar *", "UTC", START, 3), ["2027-01-01T00:00", "2027-02-01T00:00", "2027-03-01T00:00"]);
    assert_eq!(ticks("0 0 29 2 *", "UTC", START, 2), ["2028-02-29T00:00", "2032-02-29T00:00"]);
}

/// Open Cron Pattern Specification 1.0: lists, ranges and steps, in five fields.
#[test]
fn ocps_1_0() {
    assert_eq!(ticks("*/20 * * * *", "UTC", START, 3), ["2026-11-01T00:00", "2026-11-01T00:20", "2026-11-01T00:40"]);
    assert_eq!(
        ticks("10-30/10 8,20 * * *", "UTC", START, 4),
        ["2026-11-01T08:10", "2026-11-01T08:20", "2026-11-01T08:30", "2026-11-01T20:10"]
    );
    assert_eq!(ticks("0 12 * DEC MON", "UTC", START, 2), ["2026-12-07T12:00", "2026-12-14T12:00"]);
    for wrong in [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "5/15 * * * *",
        "a * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "1,,2 * * * *",
        // Names are for months and days of the week, each for its own.
        "MON * * * *",
        "0 0 MON * *",
        "0 0 * MON *",
        "0 0 * * JAN",
        "0 0 1 1JAN *",
    ] {
        assert!(matches!(Schedule::parse(wrong, Tz::UTC), Err(ScheduleError::Pattern { .. })), "{wrong}");
    }
}

/// OCPS 1.1: aliases.
#[test]
fn ocps_1_1() {
    for (alias, first) in [
        ("@hourly", "2026-11-01T00:00"),
        ("@daily", "2026-11-01T00:00"),
        ("@midnight", "2026-11-01T00:00"),
        ("@weekly", "2026-11-01T00:00"),
        ("@monthly", "2026-11-01T00:00"),
        ("@quarterly", "2027-01-01T00:00"),
        ("@yearly", "2027-01-01T00:00"),
        ("@annually", "2027-01-01T00:00"),
    ] {
        assert_eq!(ticks(alias, "UTC", START, 1), [first], "{alias}");
    }
    let error = Schedule::parse("@dayly", Tz::UTC).unwrap_err();
    assert_eq!(error.to_string(), "'@dayly' is not a known alias");
    assert_eq!(error.help().unwrap(), "did you mean '@daily'?");
    // Their case matters.
    assert_eq!(Schedule::parse("@DAILY", Tz::UTC).unwrap_err().help().unwrap(), "did you mean '@daily'?");
    assert!(Schedule::parse("@daily 0 0 * * *", Tz::UTC).is_err());
    assert!(matches!(Schedule::parse("@reboot", Tz::UTC), Err(ScheduleError::NoTime { .. })));
}

/// OCPS 1.2: a field of seconds in front, and one of years at the end.
#[test]
fn ocps_1_2() {
    let schedule = schedule("*/15 30 6 * * *", "UTC");
    let first = schedule.next_after(time("2026-11-21T06:30:00")).unwrap();
    assert_eq!(first, time("2026-11-21T06:30:15"));
    assert_eq!(schedule.next_after(time("2026-11-21T06:30:45")).unwrap(), time("2026-11-22T06:30:00"));
    let years = Schedule::parse("0 0 0 1 1 * 2027-2029/2", Tz::UTC).unwrap();
    assert_eq!(years.next_after(time(START)), Some(time("2027-01-01T00:00")));
    assert_eq!(years.next_after(time("2027-01-01T00:00")), Some(time("2029-01-01T00:00")));
    assert_eq!(years.next_after(time("2029-01-01T00:00")), None);
    assert_eq!(years.previous_before(time("2040-01-01T00:00")), Some(time("2029-01-01T00:00")));
    assert_eq!(ticks("0 0 12 25 DEC * 2026,2028", "UTC", START, 2), ["2026-12-25T12:00", "2028-12-25T12:00"]);
    assert_eq!(ticks("0 30 6 * * MON *", "UTC", START, 2), ["2026-11-02T06:30", "2026-11-09T06:30"]);
    // Steps over all years count from 1970: the even ones.
    assert_eq!(ticks("0 0 0 1 1 * */2", "UTC", START, 2), ["2028-01-01T00:00", "2030-01-01T00:00"]);
    assert!(matches!(Schedule::parse("0 0 0 1 1 * 1969", Tz::UTC), Err(ScheduleError::Pattern { .. })));
    assert_eq!(Schedule::parse("0 6 * *", Tz::UTC), Err(ScheduleError::FieldCount { found: 4 }));
    assert_eq!(Schedule::parse("0 0 6 * * * * *", Tz::UTC), Err(ScheduleError::FieldCount { found: 8 }));
    assert!(matches!(Schedule::parse("60 0 6 * * *", Tz::UTC), Err(ScheduleError::Pattern { .. })));
}

/// OCPS 1.3: `L`, `W` and `#`.
#[test]
fn ocps_1_3() {
    assert_eq!(ticks("0 0 L * *", "UTC", "2028-01-01T00:00", 3), ["2028-01-31T00:00", "2028-02-29T00:00", "2028-03-31T00:00"]);
    // The third and the last Friday.
    assert_eq!(ticks("0 0 * * 5#3", "UTC", START, 2), ["2026-11-20T00:00", "2026-12-18T00:00"]);
    assert_eq!(ticks("0 0 * * 5L", "UTC", START, 2), ["2026-11-27T00:00", "2026-12-25T00:00"]);
    // The 15th of November 2026 is a Sunday: Monday is nearest. The 15th of August is a Saturday: Friday is.
    assert_eq!(ticks("0 0 15W * *", "UTC", START, 1), ["2026-11-16T00:00"]);
    assert_eq!(ticks("0 0 15W * *", "UTC", "2026-08-01T00:00", 1), ["2026-08-14T00:00"]);
    // It does not leave the month: the 1st of August is a Saturday.
    assert_eq!(ticks("0 0 1W * *", "UTC", "2026-07-31T12:00", 1), ["2026-08-03T00:00"]);
}

/// More of OCPS 1.3: months that lack the day, several marks at once, and what is refused.
#[test]
fn ocps_1_3_at_the_edges() {
    // A fifth Friday: November 2026 has none, January 2027 has.
    assert_eq!(ticks("0 0 * * 5#5", "UTC", START, 2), ["2027-01-29T00:00", "2027-04-30T00:00"]);
    assert_eq!(ticks("0 0 * * MON#1,WED#3", "UTC", START, 3), ["2026-11-02T00:00", "2026-11-18T00:00", "2026-12-07T00:00"]);
    assert_eq!(ticks("0 0 * * SUNL", "UTC", START, 2), ["2026-11-29T00:00", "2026-12-27T00:00"]);
    // The last day of the month, or any Friday: both are given, either will do.
    assert_eq!(ticks("0 0 L * FRI", "UTC", "2026-11-26T00:00", 2), ["2026-11-27T00:00", "2026-11-30T00:00"]);
    // The 30th of a weekday's neighbourhood stays in the month: 31 October 2026 is a Saturday.
    assert_eq!(ticks("0 0 31W * *", "UTC", "2026-10-01T00:00", 1), ["2026-10-30T00:00"]);
    // The last weekday: 31 October 2026 is a Saturday.
    assert_eq!(ticks("0 0 LW * *", "UTC", "2026-10-01T00:00", 2), ["2026-10-30T00:00", "2026-11-30T00:00"]);
    assert_eq!(ticks("0 0 * * FRI#L", "UTC", START, 2), ticks("0 0 * * 5L", "UTC", START, 2));
    for wrong in [
        "0 0 * * 5#6",
        "0 0 * * 5#0",
        "0 0 * * 5#3L",
        "0 0 1 * L",
        "0 0 * * 1-5L",
        "0 0 32W * *",
        "0 0 W * *",
        "0 0 15W3 * *",
        "0 0 1-15W * *",
        "0 0 l * *",
        "0 0 L,LW * *",
        "0 0 * L *",
        "L * * * *",
        "* 5#2 * * *",
    ] {
        assert!(matches!(Schedule::parse(wrong, Tz::UTC), Err(ScheduleError::Pattern { .. })), "{wrong}");
    }
}

/// OCPS 1.4: `+` asks for both the day of the month and that of the week; `?` is `*`.
#[test]
fn ocps_1_4() {
    assert_eq!(ticks("0 0 1 * +MON", "UTC", START, 2), ["2027-02-01T00:00", "2027-03-01T00:00"]);
    assert_eq!(ticks("0 0 ? * 5", "UTC", START, 2), ticks("0 0 * * 5", "UTC", START, 2));
}

/// More of OCPS 1.4: `+` with each of the other marks, and `?` in either field.
#[test]
fn ocps_1_4_at_the_edges() {
    // Friday the 13th.
    assert_eq!(ticks("0 0 13 * +FRI", "UTC", START, 2), ["2026-11-13T00:00", "2027-08-13T00:00"]);
    // The last day of the month, when it is a Monday.
    assert_eq!(ticks("0 0 L * +1", "UTC", START, 2), ["2026-11-30T00:00", "2027-05-31T00:00"]);
    // The first week of each month, when it is a working day.
    assert_eq!(
        ticks("0 0 1-7 * +1-5", "UTC", START, 6),
        ["2026-11-02T00:00", "2026-11-03T00:00", "2026-11-04T00:00", "2026-11-05T00:00", "2026-11-06T00:00", "2026-12-01T00:00"]
    );
    assert_eq!(ticks("0 0 13 * ?", "UTC", START, 2), ticks("0 0 13 * *", "UTC", START, 2));
    for wrong in ["0 12 +1 * MON", "0 12 1 * MON+", "0 12 1 * ++1", "0 12 1 * +", "? 12 * * *", "0 12 ?/2 * *"] {
        assert!(matches!(Schedule::parse(wrong, Tz::UTC), Err(ScheduleError::Pattern { .. })), "{wrong}");
    }
}

/// What a star means: any value, also in a list; and only alone does it leave the day open.
#[test]
fn a_star_in_a_list_is_all_there_is() {
    assert_eq!(ticks("0 6,* * * *", "UTC", START, 3), ticks("0 * * * *", "UTC", START, 3));
    assert_eq!(ticks("*/99 * * * *", "UTC", START, 2), ticks("0 * * * *", "UTC", START, 2));
    // 6 October 2026 is a Tuesday.
    assert_eq!(ticks("0 12 1-31 * MON", "UTC", "2026-10-06T00:00", 1), ["2026-10-06T12:00"]);
    assert_eq!(ticks("0 12 * * MON", "UTC", "2026-10-06T00:00", 1), ["2026-10-12T12:00"]);
    // A range may end with Sunday, by name as by number.
    assert_eq!(ticks("0 0 * * SAT-SUN", "UTC", START, 3), ticks("0 0 * * 6-7", "UTC", START, 3));
}

/// Samoa left out 30 December 2011, Kwajalein 21 August 1993.
#[test]
fn a_day_that_a_zone_skipped_has_no_ticks() {
    let apia = ["2011-12-29T16:00", "2011-12-30T16:00", "2011-12-31T16:00"];
    assert_eq!(ticks("0 6 * * *", "Pacific/Apia", "2011-12-29T12:00", 3), apia);
    assert_eq!(ticks("0 6,18 * * *", "Pacific/Apia", "2011-12-30T00:00", 2), ["2011-12-30T04:00", "2011-12-30T16:00"]);
    // At midnight the day after begins: its tick is its own.
    assert_eq!(ticks("@daily", "Pacific/Apia", "2011-12-29T12:00", 2), ["2011-12-30T10:00", "2011-12-31T10:00"]);
    assert_eq!(ticks("0 0 6 30 12 * 2010-2012", "Pacific/Apia", "2011-01-01T00:00", 1), ["2012-12-29T16:00"]);
    let daily = schedule("0 6 * * *", "Pacific/Kwajalein");
    assert_eq!(daily.next_after(time("1993-08-20T18:00")), Some(time("1993-08-21T18:00")));
    assert_eq!(daily.previous_before(time("1993-08-21T18:00")), Some(time("1993-08-20T18:00")));
}

#[test]
fn what_never_happens_is_refused_at_once() {
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert_eq!(Schedule::parse(never, Tz::UTC), Err(ScheduleError::NeverHappens { given: never.to_owned() }));
    }
    assert_eq!(Schedule::parse("  ", Tz::UTC), Err(ScheduleError::Empty));
}

#[test]
fn time_zones_are_known_by_name() {
    let error = parse_timezone("Europe/Berln").unwrap_err();
    assert_eq!(error.help().unwrap(), "did you mean 'Europe/Berlin'?");
    assert_eq!(ticks("0 6 * * *", "Europe/Berlin", "2026-11-21T00:00", 1), ["2026-11-21T05:00"]);
    assert_eq!(ticks("0 6 * * *", "Asia/Kolkata", "2026-11-21T00:00", 1), ["2026-11-21T00:30"]);
}

/// Berlin, 29 March 2026: at 02:00 the clocks go to 03:00 (01:00 UTC).
#[test]
fn a_fixed_time_that_is_skipped_comes_when_the_skipped_hour_would_begin() {
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00", 3),
        ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]
    );
    // Where half an hour is skipped (Lord Howe, 4 October 2026 at 02:00), and where midnight is (São Paulo, 2018).
    assert_eq!(ticks("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00", 2), ["2026-10-03T15:30", "2026-10-04T15:15"]);
    assert_eq!(ticks("@daily", "America/Sao_Paulo", "2018-11-03T12:00", 2), ["2018-11-04T03:00", "2018-11-05T02:00"]);
}

/// Berlin, 25 October 2026: at 03:00 the clocks go back to 02:00 (01:00 UTC).
#[test]
fn a_fixed_time_that_comes_twice_runs_once() {
    assert_eq!(
        ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00", 3),
        ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]
    );
}

#[test]
fn repeating_times_follow_the_clock_through_both_changes() {
    for start in ["2026-03-28T12:00", "2026-10-24T12:00"] {
        let schedule = schedule("*/30 * * * *", "Europe/Berlin");
        let mut now = time(start);
        for _ in 0..48 {
            let next = schedule.next_after(now).unwrap();
            assert_eq!(next - now, TimeDelta::minutes(30), "after {now}");
            now = next;
        }
    }
}

/// Several hours in a list are a repeating time: the skipped one is left out, the one that comes twice runs twice.
#[test]
fn a_list_of_hours_is_left_out_or_repeated() {
    assert_eq!(ticks("0 2,14 * * *", "Europe/Berlin", "2026-03-28T20:00", 2), ["2026-03-29T12:00", "2026-03-30T00:00"]);
    assert_eq!(
        ticks("0 2,14 * * *", "Europe/Berlin", "2026-10-24T20:00", 3),
        ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T13:00"]
    );
}

#[test]
fn intervals_lie_on_a_grid_from_1970() {
    let schedule = schedule("@every 90m", "Europe/Berlin");
    assert_eq!(schedule.next_after(time("2026-11-21T00:00")), Some(time("2026-11-21T01:30")));
    assert_eq!(schedule.next_after(time("2026-11-21T01:30")), Some(time("2026-11-21T03:00")));
    assert_eq!(schedule.previous_before(time("2026-11-21T01:30")), Some(time("2026-11-21T00:00")));
    assert_eq!(schedule.at_or_before(time("2026-11-21T01:30")), Some(time("2026-11-21T01:30")));
    for wrong in ["@every", "@every 0s", "every 500ms", "every soon", "@every 99999999d"] {
        assert!(matches!(Schedule::parse(wrong, Tz::UTC), Err(ScheduleError::Every { .. })), "{wrong}");
    }
}

#[test]
fn fractions_of_a_second_are_between_ticks() {
    let schedule = schedule("0 * * * *", "UTC");
    let half_past = time("2026-11-21T06:00:00") + TimeDelta::milliseconds(500);
    assert_eq!(schedule.next_after(half_past), Some(time("2026-11-21T07:00")));
    assert_eq!(schedule.previous_before(half_past), Some(time("2026-11-21T06:00")));
    assert_eq!(schedule.previous_before(time("2026-11-21T06:00")), Some(time("2026-11-21T05:00")));
    assert_eq!(schedule.at_or_after(half_past), Some(time("2026-11-21T07:00")));
    assert_eq!(schedule.at_or_after(time("2026-11-21T06:00")), Some(time("2026-11-21T06:00")));
    assert_eq!(schedule.at_or_before(time("2026-11-21T06:00")), Some(time("2026-11-21T06:00")));
}

#[test]
fn an_interval_may_be_written_without_the_sign() {
    assert_eq!(ticks("every 15m", "UTC", START, 2), ["2026-11-01T00:00", "2026-11-01T00:15"]);
    assert_eq!(schedule("every 15m", "UTC").describe(), "every 15m");
}

#[test]
fn several_schedules_tick_whenever_one_does() {
    let zone = parse_timezone("Europe/Berlin").unwrap();
    let both = Schedule::any([
        schedule("0 6 * * *", "Europe/Berlin"),
        schedule("0 18 * * 5", "Asia/Tokyo"),
        Schedule::at([time("2026-11-21T12:00")], zone),
    ]);
    let mut at = time("2026-11-20T00:00");
    let mut found = Vec::new();
    for _ in 0..4 {
        let next = both.next_after(at).unwrap();
        assert_eq!(both.previous_before(next + TimeDelta::seconds(1)), Some(next));
        assert!(both.previous_before(next).unwrap() <= at);
        found.push(next.format("%m-%dT%H:%M").to_string());
        at = next;
    }
    assert_eq!(found, ["11-20T05:00", "11-20T09:00", "11-21T05:00", "11-21T12:00"]);
    // Intervals lie between the ticks of all of them.
    let due = both.due(Some(time("2026-11-20T09:00")), time("2026-11-01T00:00"), time("2026-11-21T12:00"), true);
    assert_eq!(due, interval("2026-11-21T05:00", "2026-11-21T12:00"));
    assert_eq!(
        both.describe(),
        "every day at 06:00 (Europe/Berlin); every Friday at 18:00 (Asia/Tokyo); once at 2026-11-21 13:00 (Europe/Berlin)"
    );
    assert_eq!(Schedule::any([]), Schedule::never());
    assert_eq!(Schedule::any([Schedule::never(), schedule("@daily", "UTC")]), schedule("@daily", "UTC"));
}

#[test]
fn each_moment_makes_one_run() {
    let moment = |text| Schedule::at([time(text)], Tz::UTC);
    let two = Schedule::any([moment("2026-11-22T00:00"), moment("2026-11-21T00:00")]);
    let start = time("2026-11-01T00:00");
    let early = time("2026-11-20T00:00");
    assert_eq!(two.due(None, start, early, false), interval("2026-11-21T00:00", "2026-11-21T00:00"));
    assert_eq!(two.due(Some(time("2026-11-21T00:00")), start, early, false), interval("2026-11-22T00:00", "2026-11-22T00:00"));
    assert_eq!(two.due(Some(time("2026-11-22T00:00")), start, early, false), None);
    // Both have passed: the latest, or all of them.
    let late = time("2026-12-01T00:00");
    assert_eq!(two.due(None, start, late, false), interval("2026-11-22T00:00", "2026-11-22T00:00"));
    assert_eq!(two.due(None, start, late, true), interval("2026-11-21T00:00", "2026-11-21T00:00"));
    assert_eq!(two.due(None, late, late, true), None, "nothing before the start date");
    assert_eq!(two.interval_of_manual_run(late), Interval { start: late, end: late });
}

/// With years there can be a last tick; it ends the last interval, unless it is the only one.
#[test]
fn a_schedule_may_come_to_its_end() {
    let start = time("2026-11-01T00:00");
    let only = schedule("0 0 0 1 1 * 2027", "UTC");
    assert_eq!(only.due(None, start, start, false), interval("2027-01-01T00:00", "2027-01-01T00:00"));
    assert_eq!(only.due(Some(time("2027-01-01T00:00")), start, time("2028-01-01T00:00"), false), None);
    let two = schedule("0 0 0 1 1 * 2027,2028", "UTC");
    assert_eq!(two.due(None, start, start, false), interval("2027-01-01T00:00", "2028-01-01T00:00"));
    assert_eq!(two.due(Some(time("2027-01-01T00:00")), start, start, false), None);
}

#[test]
fn jitter_spreads_dags_and_stays_the_same() {
    let of = |number: u32, minute: i64| {
        let start = time("2026-11-21T00:00") + TimeDelta::minutes(minute);
        let dag = DagId::new(format!("dag_{number}")).unwrap();
        jitter(&dag, Interval { start, end: start + TimeDelta::minutes(1) }, TimeDelta::seconds(10)).num_milliseconds()
    };
    let mut tenths = [0_u32; 10];
    for number in 0..1_000 {
        let delay = of(number, 0);
        assert!((0..10_000).contains(&delay));
        assert_eq!(delay, of(number, 0));
        tenths[usize::try_from(delay / 1_000).unwrap()] += 1;
    }
    assert!(tenths.iter().all(|count| (60..=140).contains(count)), "{tenths:?}");
    assert_ne!(of(1, 0), of(1, 1), "another interval, another delay");
    let interval = interval("2026-11-21T00:00", "2026-11-21T00:01").unwrap();
    assert_eq!(jitter(&DagId::new("x").unwrap(), interval, TimeDelta::zero()), TimeDelta::zero());
}

fn interval(start: &str, end: &str) -> Option<Interval> {
    Some(Interval { start: time(start), end: time(end) })
}

#[test]
fn a_run_is_for_the_interval_that_has_ended() {
    let daily = schedule("0 6 * * *", "UTC");
    let start = time("2026-11-01T00:00");
    let now = time("2026-11-04T12:00");
    // All of them, one after the other.
    let first = daily.due(None, start, now, true);
    assert_eq!(first, interval("2026-11-01T06:00", "2026-11-02T06:00"));
    let second = daily.due(Some(time("2026-11-01T06:00")), start, now, true);
    assert_eq!(second, interval("2026-11-02T06:00", "2026-11-03T06:00"));
    // Only the latest that has ended; then the next, which is not due yet.
    assert_eq!(daily.due(None, start, now, false), interval("2026-11-03T06:00", "2026-11-04T06:00"));
    assert_eq!(daily.due(Some(time("2026-11-01T06:00")), start, now, false), interval("2026-11-03T06:00", "2026-11-04T06:00"));
    assert_eq!(daily.due(Some(time("2026-11-03T06:00")), start, now, false), interval("2026-11-04T06:00", "2026-11-05T06:00"));
    // At the very moment at which the next ends.
    assert_eq!(
        daily.due(Some(time("2026-11-03T06:00")), start, time("2026-11-05T06:00"), false),
        interval("2026-11-04T06:00", "2026-11-05T06:00")
    );
}

#[test]
fn nothing_begins_before_the_start_date() {
    let daily = schedule("@daily", "UTC");
    let start = time("2026-12-24T18:00");
    for catchup in [true, false] {
        assert_eq!(daily.due(None, start, time("2026-11-21T00:00"), catchup), interval("2026-12-25T00:00", "2026-12-26T00:00"));
    }
}

#[test]
fn a_changed_schedule_goes_on_after_the_last_run() {
    let start = time("2026-11-01T00:00");
    let next = schedule("30 * * * *", "UTC").due(Some(time("2026-11-21T09:00")), start, time("2026-11-21T10:05"), true);
    assert_eq!(next, interval("2026-11-21T09:30", "2026-11-21T10:30"));
}

#[test]
fn once_runs_once_and_no_schedule_never() {
    let once = schedule("@once", "UTC");
    let start = time("2026-11-21T00:00");
    assert_eq!(once.due(None, start, start, false), interval("2026-11-21T00:00", "2026-11-21T00:00"));
    assert_eq!(once.due(Some(start), start, start, true), None);
    assert_eq!(Schedule::never().due(None, start, start, true), None);
    assert_eq!(Schedule::never().next_after(start), None);
}

#[test]
fn a_manual_run_covers_the_last_interval_that_has_ended() {
    let daily = schedule("0 6 * * *", "UTC");
    let found = daily.interval_of_manual_run(time("2026-11-21T12:00"));
    assert_eq!(Some(found), interval("2026-11-20T06:00", "2026-11-21T06:00"));
    let now = time("2026-11-21T12:00");
    assert_eq!(Schedule::never().interval_of_manual_run(now), Interval { start: now, end: now });
}

#[test]
fn schedules_are_told_in_words() {
    for (text, words) in [
        ("0 6 * * *", "every day at 06:00 (Europe/Berlin)"),
        ("@daily", "every day at 00:00 (Europe/Berlin)"),
        ("@hourly", "every hour (Europe/Berlin)"),
        ("* * * * *", "every minute (Europe/Berlin)"),
        ("*/5 * * * *", "every 5 minutes (Europe/Berlin)"),
        ("15 * * * *", "every hour at minute 15 (Europe/Berlin)"),
        ("0 */6 * * *", "every 6 hours (Europe/Berlin)"),
        ("30 7 * * 1-5", "Monday to Friday at 07:30 (Europe/Berlin)"),
        ("@weekly", "every Sunday at 00:00 (Europe/Berlin)"),
        ("0 9 15 * *", "on day 15 of every month at 09:00 (Europe/Berlin)"),
        ("0 9 L * *", "on the last day of every month at 09:00 (Europe/Berlin)"),
        ("0 6,18 * * *", "every day at 06:00 and 18:00 (Europe/Berlin)"),
        ("30 6,12,18 * * 1-5", "Monday to Friday at 06:30, 12:30 and 18:30 (Europe/Berlin)"),
        ("*/7 * * * *", "every 7 minutes (Europe/Berlin)"),
        ("@every 90m", "every 1h30m"),
        ("@once", "once"),
    ] {
        assert_eq!(schedule(text, "Europe/Berlin").describe(), words, "{text}");
    }
    assert_eq!(Schedule::never().describe(), "only when triggered");
    // Whatever else: croner's words, and the zone.
    assert!(schedule("7 3 1,15 * 5", "UTC").describe().ends_with("(UTC)"));
}

const PATTERNS: [&str; 12] = [
    "* * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 0 * * *",
    "30 1 * * 0",
    "0 2,14 * * *",
    "0 12 1 * *",
    "15 0 * * 1-5",
    "59 23 L * *",
    "0 3 * * 1#1",
    "@every 45m",
];
const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Near clock changes above all: the times are those of nights in March, April, October and November.
    #[test]
    fn ticks_form_one_line(
        pattern in proptest::sample::select(&PATTERNS[..]),
        zone in proptest::sample::select(&ZONES[..]),
        year in 2010..2035_i32,
        month in proptest::sample::select(&[3_u32, 4, 10, 11, 7, 12][..]),
        second in 0..31 * 86_400_i64,
        millis in 0..1_000_i64,
    ) {
        let schedule = schedule(pattern, zone);
        let start = NaiveDate::from_ymd_opt(year, month, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
        let time = start + TimeDelta::seconds(second) + TimeDelta::milliseconds(millis);
        let next = schedule.next_after(time).unwrap();
        prop_assert!(next > time);
        // Nothing lies between: going back from the next tick leads to the time or before it.
        let previous = schedule.previous_before(next).unwrap();
        prop_assert!(previous <= time, "{previous} <= {time} < {next}");
        prop_assert_eq!(schedule.next_after(previous), Some(next));
        prop_assert_eq!(schedule.at_or_before(time), Some(previous));
        prop_assert_eq!(schedule.at_or_after(next), Some(next));
    }

    #[test]
    fn scheduled_runs_follow_each_other(
        pattern in proptest::sample::select(&PATTERNS[..]),
        zone in proptest::sample::select(&ZONES[..]),
        begin in 0..3_000_000_i64,
        catchup: bool,
        waits in proptest::collection::vec(0..500_000_i64, 1..12),
    ) {
        let schedule = schedule(pattern, zone);
        let start = time("2026-02-20T00:00") + TimeDelta::seconds(begin);
        let mut now = start;
        let mut last: Option<Interval> = None;
        for wait in waits {
            now += TimeDelta::seconds(wait);
            let next = schedule.due(last.map(|last| last.start), start, now, catchup).unwrap();
            prop_assert!(next.start >= start && next.end > next.start);
            if let Some(last) = last {
                prop_assert!(next.start >= last.end, "no interval overlaps another");
                prop_assert!(!catchup || next.start == last.end, "with catchup there is no gap");
            }
            if !catchup && next.end <= now {
                prop_assert!(schedule.next_after(next.end).unwrap() > now, "without catchup only the latest is due");
            }
            if next.end <= now {
                last = Some(next);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "[-@*/,0-9a-zA-ZLW#+? ]{0,24}") {
        let _ = Schedule::parse(&text, Tz::UTC);
    }
}

#[test]
fn a_wrong_field_is_named_with_what_it_could_be() {
    for (text, told) in [
        ("60 * * * *", "'60' is no minute (0 to 59)"),
        ("0 24 * * *", "'24' is no hour (0 to 23)"),
        ("0 0 0 * *", "'0' is no day of the month (1 to 31, L, LW, 15W)"),
        ("0 0 * * MONDAY", "'MONDAY' is no day of the week (0 to 7, SUN to SAT, 5L, 5#3)"),
        ("5/15 * * * *", "'5/15' is no minute (0 to 59); write 5-59/15"),
        ("0 0 * * FRI-MON", "'FRI-MON' is no day of the week (0 to 7, SUN to SAT, 5L, 5#3); a range goes upwards: write 5-6,0-1"),
        ("0 22-2 * * *", "'22-2' is no hour (0 to 23); a range goes upwards: write 22-23,0-2"),
        (
            "0 0 1 1 * 1999",
            "'1999' is no day of the week (0 to 7, SUN to SAT, 5L, 5#3); an expression of six fields begins with the second",
        ),
        ("CRON_TZ=Europe/Berlin 0 6 * * *", "the time zone has a field of its own: timezone: Europe/Berlin"),
    ] {
        let found = Schedule::parse(text, Tz::UTC).unwrap_err().to_string();
        assert_eq!(found, format!("'{text}' is not a crontab expression: {told}"));
    }
}
