//! `anomalies`: compares the observations with the climate.

use cofferdam::{Error, OrFatal, info, xcom};
use serde::Deserialize;
use weather::{Anomalies, Cleaned, Climate, Day, Departure, Extreme, Observation, Series, Spell, round};

/// What the dag gives this task.
#[derive(Deserialize)]
pub struct Input {
    cleaned: Cleaned,
    climate: Climate,
    /// From how many standard deviations on a day is an anomaly.
    #[serde(default = "two_and_a_half")]
    sigmas: f64,
    /// How many days are listed at the most, each way.
    #[serde(default = "ten")]
    list: usize,
}

const fn two_and_a_half() -> f64 {
    2.5
}

const fn ten() -> usize {
    10
}

/// Compares the observations with the climate.
#[cofferdam::task]
pub fn anomalies(input: Input) -> Result<Anomalies, Error> {
    let departures = departures(&input.cleaned.series, &input.climate)?;
    if departures.is_empty() {
        return Err(Error::skip("there is nothing to compare"));
    }
    let count = departures.len() as f64;
    let mean = departures.iter().map(|found| found.value).sum::<f64>() / count;
    let deviation = (departures.iter().map(|found| (found.value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let threshold = deviation * input.sigmas;

    let mut hot: Vec<Extreme> = departures.iter().filter(|found| found.value >= threshold).cloned().collect();
    let mut cold: Vec<Extreme> = departures.iter().filter(|found| found.value <= -threshold).cloned().collect();
    hot.sort_by(|a, b| b.value.total_cmp(&a.value));
    cold.sort_by(|a, b| a.value.total_cmp(&b.value));
    xcom::push("counts", &(hot.len(), cold.len()))?;
    info!(hot = hot.len(), cold = cold.len(), threshold = round(threshold); "found days out of the ordinary");
    hot.truncate(input.list);
    cold.truncate(input.list);

    let by_month = means(&departures, |day| (day.year(), day.month()));
    let month = |&((year, month), mean): &((i32, u32), f64)| (year, month, round(mean));
    let series = &input.cleaned.series;
    let warmer = |day: Day, seen: &Observation| input.climate.on(day).is_some_and(|normal| seen.temperature() > normal);
    Ok(Anomalies {
        normal_period: input.climate.period.clone(),
        deviation: round(deviation),
        threshold: round(threshold),
        hot: rounded(hot),
        cold: rounded(cold),
        years: years(&departures),
        warmest_month: by_month.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(month),
        coldest_month: by_month.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(month),
        dry_spell: longest(series, |_, seen| seen.precipitation == 0.0),
        wet_spell: longest(series, |_, seen| seen.precipitation > 0.0),
        warm_spell: longest(series, warmer),
    })
}

/// How far each day is from normal.
fn departures(series: &Series, climate: &Climate) -> Result<Vec<Extreme>, Error> {
    let departure = |seen: Observation| {
        let normal = climate.on(seen.day).or_fatal("the climate has fewer than 365 days")?;
        Ok(Extreme { day: seen.day, value: seen.temperature() - normal })
    };
    series.observations().map(departure).collect()
}

fn rounded(days: Vec<Extreme>) -> Vec<Extreme> {
    days.into_iter().map(|found| Extreme { value: round(found.value), ..found }).collect()
}

/// The mean of each run of days with the same key.
fn means<K: PartialEq>(days: &[Extreme], key: impl Fn(Day) -> K) -> Vec<(K, f64)> {
    days.chunk_by(|a, b| key(a.day) == key(b.day))
        .map(|days| (key(days[0].day), days.iter().map(|found| found.value).sum::<f64>() / days.len() as f64))
        .collect()
}

fn years(departures: &[Extreme]) -> Vec<Departure> {
    departures
        .chunk_by(|a, b| a.day.year() == b.day.year())
        .map(|days| {
            let count = days.len() as f64;
            Departure {
                year: days[0].day.year(),
                mean: round(days.iter().map(|found| found.value).sum::<f64>() / count),
                warm_share: days.iter().filter(|found| found.value > 0.0).count() as f64 / count,
            }
        })
        .collect()
}

/// The first of the longest runs of days for which this holds. A day without an observation ends a run.
fn longest(series: &Series, holds: impl Fn(Day, &Observation) -> bool) -> Option<Spell> {
    let mut best: Option<Spell> = None;
    let mut current: Option<Spell> = None;
    for (day, observation) in series.days() {
        current = match (current, observation.filter(|seen| holds(day, seen))) {
            (_, None) => None,
            (None, Some(_)) => Some(Spell { first: day, last: day, days: 1 }),
            (Some(spell), Some(_)) => Some(Spell { last: day, days: spell.days + 1, ..spell }),
        };
        if current.as_ref().map_or(0, |spell| spell.days) > best.as_ref().map_or(0, |spell| spell.days) {
            best.clone_from(&current);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam::testing;
    use weather::Sky;

    /// Days from 30 December 2012 on, each with its middle temperature and precipitation; the climate is 10 °C all year.
    fn input(days: &[Option<(f64, f64)>]) -> Input {
        let mut series = Series::empty();
        let mut day: Day = "2012-12-30".parse().unwrap();
        series.first = Some(day);
        for values in days {
            series.push(values.map(|(middle, precipitation)| Observation {
                day,
                temp_max: middle + 5.0,
                temp_min: middle - 5.0,
                precipitation,
                wind: 1.0,
                sky: Sky::Sun,
            }));
            day = day.next();
        }
        let cleaned = Cleaned { series, rows: days.len(), rejected: Vec::new(), missing_days: 0 };
        Input { cleaned, climate: Climate { period: "test".into(), temperature: vec![10.0; 365] }, sigmas: 1.5, list: 10 }
    }

    #[test]
    fn only_days_far_from_normal_are_anomalies() {
        let days = [9.0, 11.0, 10.0, 22.0, 9.0, 11.0, -1.0, 10.0].map(|middle| Some((middle, 0.0)));
        let found = anomalies(input(&days)).unwrap();
        assert_eq!(found.hot, [Extreme { day: "2013-01-02".parse().unwrap(), value: 12.0 }]);
        assert_eq!(found.cold, [Extreme { day: "2013-01-05".parse().unwrap(), value: -11.0 }]);
        assert_eq!(testing::pushed_xcom("counts").unwrap(), serde_json::json!([1, 1]));
    }

    #[test]
    fn years_and_months_have_their_departures() {
        let found = anomalies(input(&[Some((12.0, 0.0)), Some((14.0, 0.0)), Some((9.0, 0.0)), Some((9.0, 0.0))])).unwrap();
        assert_eq!(found.years.iter().map(|year| (year.year, year.mean)).collect::<Vec<_>>(), [(2012, 3.0), (2013, -1.0)]);
        assert_eq!(found.warmest_month, Some((2012, 12, 3.0)));
        assert_eq!(found.coldest_month, Some((2013, 1, -1.0)));
    }

    #[test]
    fn a_gap_ends_a_spell() {
        let dry = Some((10.0, 0.0));
        let found = anomalies(input(&[dry, dry, None, dry, dry, dry, Some((10.0, 4.0))])).unwrap();
        let spell = found.dry_spell.unwrap();
        assert_eq!((spell.first.to_string().as_str(), spell.days), ("2013-01-02", 3));
        assert_eq!(found.wet_spell.unwrap().days, 1);
        assert_eq!(found.warm_spell, None);
    }

    #[test]
    fn without_days_the_task_is_skipped() {
        assert!(anomalies(input(&[])).unwrap_err().is_skip());
    }
}
