//! Arguments of `schedule`.

use clap::{Args, Subcommand};
use cofferdam_domain::definition::Moment;

/// What can be done with schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Print when a schedule comes next, without a server
    Next(ScheduleNextArgs),
}

/// Arguments of `schedule next`.
#[derive(Debug, Args)]
pub struct ScheduleNextArgs {
    /// A crontab expression, an alias, an interval such as "every 15m", or the JSON that a dag has as its schedule
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub schedule: String,
    /// The time zone: a name of the IANA database
    #[arg(long = "tz", visible_alias = "timezone", value_name = "ZONE", default_value = "UTC")]
    pub timezone: String,
    /// Only times after this one: 2026-11-21, 2026-11-21T06:00 (both in the time zone), or with its offset [default: now]
    #[arg(long, value_name = "TIME")]
    pub after: Option<Moment>,
    /// How many times
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: u32,
}
