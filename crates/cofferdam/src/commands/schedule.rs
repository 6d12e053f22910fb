use crate::cli::{ScheduleCommand, ScheduleNextArgs};
use crate::failure::Failure;
use crate::output::Output;
use chrono::{DateTime, SecondsFormat, Utc};
use cofferdam_domain::clock::{Clock as _, SystemClock};
use cofferdam_domain::definition::{Moment, ScheduleDefinition};
use cofferdam_domain::schedule::{ScheduleError, parse_timezone};
use serde::Serialize;
use std::iter;

/// The coming times of a schedule.
#[derive(Serialize)]
struct Coming {
    schedule: String,
    timezone: String,
    in_words: String,
    after: String,
    next: Vec<String>,
}

/// Answers questions about schedules.
pub fn run(output: &Output, command: ScheduleCommand) -> Result<(), Failure> {
    match command {
        ScheduleCommand::Next(args) => next(output, &args),
    }
}

fn next(output: &Output, args: &ScheduleNextArgs) -> Result<(), Failure> {
    let timezone = parse_timezone(&args.timezone).map_err(|error| refused(&error, "--tz"))?;
    let definition: ScheduleDefinition = args
        .schedule
        .parse()
        .map_err(|error: cofferdam_domain::definition::ScheduleFormError| Failure::usage(error.to_string()))?;
    let times = definition.times(timezone).map_err(|(_, error)| refused(&error, &args.schedule))?;
    if !times.is_some() {
        return Err(Failure::usage("the schedule has no times of its own").at(&args.schedule).remedy(
            "assets and other dags make a dag run when they change or end; give a crontab expression, an alias or an interval",
        ));
    }
    let after = args.after.map_or_else(|| SystemClock.now(), |moment: Moment| moment.resolve(timezone));
    let local = |time: DateTime<Utc>| time.with_timezone(&timezone).to_rfc3339_opts(SecondsFormat::AutoSi, false);
    let count = usize::try_from(args.count).unwrap_or(usize::MAX);
    let next = iter::successors(times.next_after(after), |time| times.next_after(*time)).take(count).map(local).collect();
    let coming = Coming {
        schedule: args.schedule.clone(),
        timezone: timezone.name().to_owned(),
        in_words: times.describe(),
        after: local(after),
        next,
    };
    if coming.next.is_empty() {
        output.note("It does not come again.");
    }
    if coming.next.is_empty() && !output.json {
        return Ok(());
    }
    output.say(&coming, |coming| coming.next.join("\n"))
}

fn refused(error: &ScheduleError, place: &str) -> Failure {
    let failure = Failure::usage(error.to_string()).at(place);
    match error.help() {
        Some(help) => failure.remedy(help),
        None => failure,
    }
}
