//! Observations of consecutive days, in columns.

use crate::Day;
use serde::{Deserialize, Serialize};

/// What the sky did on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sky {
    /// Drizzle.
    Drizzle,
    /// Fog.
    Fog,
    /// Rain.
    Rain,
    /// Snow.
    Snow,
    /// None of these.
    Sun,
}

/// Observations of consecutive days. Every column has one entry per day; a day without an observation has `None`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    /// The first day; none when there are no days.
    pub first: Option<Day>,
    /// The highest temperature (°C).
    pub temp_max: Vec<Option<f64>>,
    /// The lowest temperature (°C).
    pub temp_min: Vec<Option<f64>>,
    /// Precipitation (mm).
    pub precipitation: Vec<Option<f64>>,
    /// Mean wind speed (m/s).
    pub wind: Vec<Option<f64>>,
    /// What the sky did.
    pub sky: Vec<Option<Sky>>,
}

/// One day of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The day.
    pub day: Day,
    /// The highest temperature (°C).
    pub temp_max: f64,
    /// The lowest temperature (°C).
    pub temp_min: f64,
    /// Precipitation (mm).
    pub precipitation: f64,
    /// Mean wind speed (m/s).
    pub wind: f64,
    /// What the sky did.
    pub sky: Sky,
}

impl Observation {
    /// The middle between the highest and the lowest temperature (°C).
    #[must_use]
    pub fn temperature(&self) -> f64 {
        f64::midpoint(self.temp_max, self.temp_min)
    }
}

impl Series {
    /// A series without days.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            first: None,
            temp_max: Vec::new(),
            temp_min: Vec::new(),
            precipitation: Vec::new(),
            wind: Vec::new(),
            sky: Vec::new(),
        }
    }

    /// How many days it spans, those without an observation included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sky.len()
    }

    /// Whether it spans no day.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sky.is_empty()
    }

    /// Appends the next day, or one without an observation.
    pub fn push(&mut self, observation: Option<Observation>) {
        self.temp_max.push(observation.map(|seen| seen.temp_max));
        self.temp_min.push(observation.map(|seen| seen.temp_min));
        self.precipitation.push(observation.map(|seen| seen.precipitation));
        self.wind.push(observation.map(|seen| seen.wind));
        self.sky.push(observation.map(|seen| seen.sky));
    }

    /// Every day with its observation, in order.
    pub fn days(&self) -> impl Iterator<Item = (Day, Option<Observation>)> {
        std::iter::successors(self.first, |day| Some(day.next())).take(self.len()).enumerate().map(|(at, day)| {
            let observation = || {
                Some(Observation {
                    day,
                    temp_max: self.temp_max[at]?,
                    temp_min: self.temp_min[at]?,
                    precipitation: self.precipitation[at]?,
                    wind: self.wind[at]?,
                    sky: self.sky[at]?,
                })
            };
            (day, observation())
        })
    }

    /// The days that have an observation, in order.
    pub fn observations(&self) -> impl Iterator<Item = Observation> {
        self.days().filter_map(|(_, observation)| observation)
    }
}
