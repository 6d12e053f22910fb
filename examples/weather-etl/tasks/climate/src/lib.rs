//! `climate`: condenses the hourly normals of 1981 to 2010 to one temperature per day of the year.

use cofferdam::{Error, OrFatal, info};
use weather::{Climate, Day, round};

const NORMALS: &str = include_str!("../../../data/seattle-weather-hourly-normals.csv");

/// The normal temperature of each day of the year.
#[cofferdam::task]
pub fn climate() -> Result<Climate, Error> {
    let temperature = condense(NORMALS)?;
    info!(hours = NORMALS.lines().count() - 1, days = temperature.len(); "condensed the hourly normals");
    Ok(Climate { period: "1981-2010".into(), temperature })
}

/// The middle between the lowest and the highest hour of each day, since the observations have no more than those two either.
fn condense(csv: &str) -> Result<Vec<f64>, Error> {
    let mut ranges = vec![None::<(f64, f64)>; 365];
    for (number, line) in csv.lines().enumerate().skip(1) {
        let place = || format!("the normals, line {}", number + 1);
        let mut fields = line.split(',');
        let hour = fields.next().or_fatal(&place())?;
        let day: Day = hour.get(..10).unwrap_or(hour).parse().or_fatal(&place())?;
        let temperature: f64 = fields.nth(1).or_fatal(&place())?.parse().or_fatal(&place())?;
        let range = &mut ranges[day.index_in_common_year()];
        let (low, high) = range.unwrap_or((temperature, temperature));
        *range = Some((low.min(temperature), high.max(temperature)));
    }
    let middle = |(at, range): (usize, Option<(f64, f64)>)| {
        range.map(|(low, high)| round(f64::midpoint(low, high))).or_fatal(&format!("the normals have no day {}", at + 1))
    };
    ranges.into_iter().enumerate().map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn august_is_warm_and_december_is_cold() {
        let climate = climate().unwrap();
        assert_eq!(climate.temperature.len(), 365);
        let on = |text: &str| climate.on(text.parse().unwrap()).unwrap();
        assert!((18.0..21.0).contains(&on("2012-08-05")), "{}", on("2012-08-05"));
        assert!((3.0..6.0).contains(&on("2012-12-28")), "{}", on("2012-12-28"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let error = condense("date,pressure,temperature\n2010-01-01T01:00:00,1016.6,warm\n").unwrap_err();
        assert!(error.is_fatal());
        assert_eq!(error.to_string(), "the normals, line 2: invalid float literal");
    }

    #[test]
    fn a_day_without_hours_is_named() {
        let error = condense("date,pressure,temperature\n2010-01-01T01:00:00,1016.6,4.0\n").unwrap_err();
        assert_eq!(error.to_string(), "the normals have no day 2");
    }
}
