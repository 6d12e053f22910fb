//! `aggregate`: sums up months and years, and finds the record days.

use cofferdam::{Error, info};
use serde::Deserialize;
use weather::{Cleaned, Extreme, Observation, Period, Summary, round};

/// What the dag gives this task.
#[derive(Deserialize)]
pub struct Input {
    cleaned: Cleaned,
    /// From how much precipitation on a day is wet (mm).
    #[serde(default = "one_millimetre")]
    wet_from: f64,
}

const fn one_millimetre() -> f64 {
    1.0
}

/// Sums up months and years.
#[cofferdam::task]
pub fn aggregate(input: Input) -> Result<Summary, Error> {
    let observations: Vec<Observation> = input.cleaned.series.observations().collect();
    let summary = Summary {
        months: periods(&observations, input.wet_from, |seen| (seen.day.year(), Some(seen.day.month()))),
        years: periods(&observations, input.wet_from, |seen| (seen.day.year(), None)),
        warmest: highest(&observations, |seen| seen.temp_max),
        coldest: highest(&observations, |seen| -seen.temp_min).map(|found| Extreme { value: -found.value, ..found }),
        wettest: highest(&observations, |seen| seen.precipitation),
        windiest: highest(&observations, |seen| seen.wind),
    };
    info!(days = observations.len(), months = summary.months.len(), years = summary.years.len(); "summed up");
    Ok(summary)
}

/// One period for each run of days with the same key.
fn periods(observations: &[Observation], wet_from: f64, key: fn(&Observation) -> (i32, Option<u32>)) -> Vec<Period> {
    let same = |a: &Observation, b: &Observation| key(a) == key(b);
    let sum_up = |days: &[Observation]| {
        let (year, month) = key(&days[0]);
        let sum = |value: fn(&Observation) -> f64| days.iter().map(value).sum::<f64>();
        let mean = |value| round(sum(value) / days.len() as f64);
        Period {
            year,
            month,
            days: days.len(),
            temp_max: mean(|seen| seen.temp_max),
            temp_min: mean(|seen| seen.temp_min),
            precipitation: round(sum(|seen| seen.precipitation)),
            wet_days: days.iter().filter(|seen| seen.precipitation >= wet_from).count(),
            wind: mean(|seen| seen.wind),
        }
    };
    observations.chunk_by(same).map(sum_up).collect()
}

/// The first of the days with the highest value.
fn highest(observations: &[Observation], value: impl Fn(&Observation) -> f64) -> Option<Extreme> {
    let higher = |best: Option<Extreme>, seen: &Observation| match best {
        Some(best) if best.value >= value(seen) => Some(best),
        _ => Some(Extreme { day: seen.day, value: value(seen) }),
    };
    observations.iter().fold(None, higher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weather::{Series, Sky};

    /// Days from 30 January 2012 on: each with its highest temperature and precipitation; the lowest is ten degrees below.
    fn input(days: &[(f64, f64)]) -> Input {
        let mut series = Series::empty();
        let mut day = "2012-01-30".parse().unwrap();
        series.first = Some(day);
        for &(temp_max, precipitation) in days {
            series.push(Some(Observation { day, temp_max, temp_min: temp_max - 10.0, precipitation, wind: 2.0, sky: Sky::Sun }));
            day = day.next();
        }
        Input { cleaned: Cleaned { series, rows: days.len(), rejected: Vec::new(), missing_days: 0 }, wet_from: 1.0 }
    }

    #[test]
    fn months_and_years_are_summed_up() {
        let summary = aggregate(input(&[(10.0, 0.0), (12.0, 3.5), (20.0, 1.0)])).unwrap();
        let january = Period {
            year: 2012,
            month: Some(1),
            days: 2,
            temp_max: 11.0,
            temp_min: 1.0,
            precipitation: 3.5,
            wet_days: 1,
            wind: 2.0,
        };
        assert_eq!(summary.months[0], january);
        assert_eq!(summary.months.len(), 2);
        assert_eq!((summary.years[0].days, summary.years[0].temp_max, summary.years[0].wet_days), (3, 14.0, 2));
    }

    #[test]
    fn the_first_of_equal_records_stands() {
        let summary = aggregate(input(&[(20.0, 5.0), (8.0, 5.0), (20.0, 0.0)])).unwrap();
        assert_eq!(summary.warmest, Some(Extreme { day: "2012-01-30".parse().unwrap(), value: 20.0 }));
        assert_eq!(summary.coldest, Some(Extreme { day: "2012-01-31".parse().unwrap(), value: -2.0 }));
        assert_eq!(summary.wettest.unwrap().day.to_string(), "2012-01-30");
    }

    #[test]
    fn without_days_there_are_no_records() {
        let summary = aggregate(input(&[])).unwrap();
        assert!(summary.months.is_empty() && summary.warmest.is_none());
    }
}
