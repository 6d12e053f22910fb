//! What the tasks of the weather example hand to each other.
//!
//! Everything here travels as an XCom, so it is kept compact: columns in place of records, and one decimal.

mod day;
mod series;

pub use day::{Day, InvalidDay};
pub use series::{Observation, Series, Sky};

use serde::{Deserialize, Serialize};

/// A table as it was published.
#[derive(Debug, Serialize, Deserialize)]
pub struct Table {
    /// Who measured, and where.
    pub source: String,
    /// Its lines, the header first.
    pub csv: String,
}

/// What is normal for each day of the year.
#[derive(Debug, Serialize, Deserialize)]
pub struct Climate {
    /// The years averaged.
    pub period: String,
    /// The middle between the day's highest and lowest hourly normal (°C), for each of 365 days.
    pub temperature: Vec<f64>,
}

impl Climate {
    /// The normal temperature of a day. The 29th of February has the 28th's.
    #[must_use]
    pub fn on(&self, day: Day) -> Option<f64> {
        self.temperature.get(day.index_in_common_year()).copied()
    }
}

/// What was cleaned, and what came out.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cleaned {
    /// The observations.
    pub series: Series,
    /// Rows read.
    pub rows: usize,
    /// Rows that were left out, and why.
    pub rejected: Vec<String>,
    /// Days in the span without a row.
    pub missing_days: usize,
}

/// A month or a year, summed up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// The year.
    pub year: i32,
    /// The month from 1 to 12; none for the whole year.
    pub month: Option<u32>,
    /// Days with observations.
    pub days: usize,
    /// Mean of the daily highest temperatures (°C).
    pub temp_max: f64,
    /// Mean of the daily lowest temperatures (°C).
    pub temp_min: f64,
    /// All precipitation (mm).
    pub precipitation: f64,
    /// Days with at least 1 mm of precipitation.
    pub wet_days: usize,
    /// Mean wind speed (m/s).
    pub wind: f64,
}

/// A day that stands out, and by how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extreme {
    /// The day.
    pub day: Day,
    /// The value that makes it stand out.
    pub value: f64,
}

/// Days in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spell {
    /// The first day.
    pub first: Day,
    /// The last day.
    pub last: Day,
    /// How many days.
    pub days: usize,
}

/// Months and years.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary {
    /// Each month with observations, in order.
    pub months: Vec<Period>,
    /// Each year with observations, in order.
    pub years: Vec<Period>,
    /// The warmest day by its highest temperature.
    pub warmest: Option<Extreme>,
    /// The coldest day by its lowest temperature.
    pub coldest: Option<Extreme>,
    /// The wettest day.
    pub wettest: Option<Extreme>,
    /// The windiest day.
    pub windiest: Option<Extreme>,
}

/// How a year departs from the climate.
#[derive(Debug, Serialize, Deserialize)]
pub struct Departure {
    /// The year.
    pub year: i32,
    /// Mean departure from the normal (°C).
    pub mean: f64,
    /// Days warmer than normal, as a share of 1.
    pub warm_share: f64,
}

/// What is out of the ordinary.
#[derive(Debug, Serialize, Deserialize)]
pub struct Anomalies {
    /// The years that the climate averages.
    pub normal_period: String,
    /// The standard deviation of the daily departures from normal (°C).
    pub deviation: f64,
    /// The departure from which a day counts as an anomaly (°C).
    pub threshold: f64,
    /// Days above the threshold, the furthest first.
    pub hot: Vec<Extreme>,
    /// Days below the negative threshold, the furthest first.
    pub cold: Vec<Extreme>,
    /// The departure of each year.
    pub years: Vec<Departure>,
    /// The month furthest above normal: year, month, departure (°C).
    pub warmest_month: Option<(i32, u32, f64)>,
    /// The month furthest below normal.
    pub coldest_month: Option<(i32, u32, f64)>,
    /// The longest run of days without precipitation.
    pub dry_spell: Option<Spell>,
    /// The longest run of days each with precipitation.
    pub wet_spell: Option<Spell>,
    /// The longest run of days above normal.
    pub warm_spell: Option<Spell>,
}

/// One decimal: what the instruments give, and short to write.
#[must_use]
pub fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The name of a month from 1 to 12.
#[must_use]
pub fn month_name(month: u32) -> &'static str {
    match month {
        1 => "January",
        2 => "February",
        3 => "March",
        4 => "April",
        5 => "May",
        6 => "June",
        7 => "July",
        8 => "August",
        9 => "September",
        10 => "October",
        11 => "November",
        _ => "December",
    }
}
