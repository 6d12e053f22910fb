//! `clean`: reads the observations and takes out what cannot be true.

use cofferdam::{Context, Error, OrFatal, info, progress, warn};
use weather::{Cleaned, Day, Observation, Series, Sky, Table};

/// The columns, in the order in which they are published.
const HEADER: &str = "date,precipitation,temp_max,temp_min,wind,weather";

/// Days without a row are kept as gaps. A run may be limited with `{"first_year": 2013, "last_year": 2014}` in its conf.
#[cofferdam::task]
pub fn clean(table: Table, context: &Context) -> Result<Cleaned, Error> {
    let first: i32 = context.conf("first_year")?.unwrap_or(i32::MIN);
    let last: i32 = context.conf("last_year")?.unwrap_or(i32::MAX);
    let mut lines = table.csv.lines();
    let header = lines.next().or_fatal("the table is empty")?;
    if header != HEADER {
        return Err(Error::fatal(format_args!("the columns are '{header}', not '{HEADER}'")));
    }

    let total = table.csv.lines().count() - 1;
    let mut cleaned = Cleaned { series: Series::empty(), rows: 0, rejected: Vec::new(), missing_days: 0 };
    let mut due: Option<Day> = None;
    for (number, line) in lines.enumerate() {
        if number % 500 == 0 {
            progress::report(number as f64 / total as f64, "reading rows");
        }
        let observation = match read(line) {
            Ok(observation) if (first..=last).contains(&observation.day.year()) => observation,
            Ok(_) => continue,
            Err(why) => {
                cleaned.rows += 1;
                cleaned.rejected.push(format!("line {}: {why}", number + 2));
                continue;
            }
        };
        cleaned.rows += 1;
        if let Some(mut day) = due {
            if observation.day < day {
                cleaned.rejected.push(format!("line {}: {} comes after a later day", number + 2, observation.day));
                continue;
            }
            while day < observation.day {
                cleaned.series.push(None);
                cleaned.missing_days += 1;
                day = day.next();
            }
        } else {
            cleaned.series.first = Some(observation.day);
        }
        cleaned.series.push(Some(observation));
        due = Some(observation.day.next());
    }
    if cleaned.series.is_empty() {
        return Err(Error::skip("no observation is left"));
    }
    for rejected in &cleaned.rejected {
        warn!("rejected {rejected}");
    }
    info!(rows = cleaned.rows, rejected = cleaned.rejected.len(), missing_days = cleaned.missing_days; "cleaned");
    Ok(cleaned)
}

fn read(line: &str) -> Result<Observation, String> {
    let fields: Vec<&str> = line.split(',').collect();
    let [day, precipitation, temp_max, temp_min, wind, sky] = fields[..] else {
        return Err(format!("{} columns in place of 6", fields.len()));
    };
    let number = |name: &str, text: &str, range: std::ops::RangeInclusive<f64>| {
        let value: f64 = text.parse().map_err(|_| format!("{name} is '{text}'"))?;
        if range.contains(&value) { Ok(value) } else { Err(format!("{name} is {value}, which cannot be")) }
    };
    let observation = Observation {
        day: day.parse().map_err(|error: weather::InvalidDay| error.to_string())?,
        precipitation: number("precipitation", precipitation, 0.0..=500.0)?,
        temp_max: number("temp_max", temp_max, -60.0..=60.0)?,
        temp_min: number("temp_min", temp_min, -60.0..=60.0)?,
        wind: number("wind", wind, 0.0..=100.0)?,
        sky: match sky {
            "drizzle" => Sky::Drizzle,
            "fog" => Sky::Fog,
            "rain" => Sky::Rain,
            "snow" => Sky::Snow,
            "sun" => Sky::Sun,
            other => return Err(format!("weather is '{other}'")),
        },
    };
    if observation.temp_min > observation.temp_max {
        return Err(format!("temp_min {} is above temp_max {}", observation.temp_min, observation.temp_max));
    }
    Ok(observation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam::testing;

    fn table(rows: &str) -> Table {
        Table { source: "test".into(), csv: format!("{HEADER}\n{rows}") }
    }

    #[test]
    fn a_gap_is_kept_as_a_gap() {
        let rows = "2012-02-28,0.0,12.8,5.0,4.7,drizzle\n2012-03-02,10.9,10.6,2.8,4.5,rain\n";
        let cleaned = clean(table(rows), &testing::context()).unwrap();
        assert_eq!((cleaned.rows, cleaned.missing_days), (2, 2));
        let days: Vec<String> = cleaned.series.days().map(|(day, seen)| format!("{day} {}", seen.is_some())).collect();
        assert_eq!(days, ["2012-02-28 true", "2012-02-29 false", "2012-03-01 false", "2012-03-02 true"]);
    }

    #[test]
    fn what_cannot_be_true_is_rejected_and_named() {
        let rows = "2012-01-01,0.0,12.8,5.0,4.7,drizzle\n\
                    2012-01-02,-1.0,12.8,5.0,4.7,rain\n\
                    2012-01-03,0.0,5.0,12.8,4.7,rain\n\
                    2012-01-04,0.0,5.0,2.8,4.7,frogs\n\
                    2012-01-01,0.0,12.8,5.0,4.7,drizzle\n\
                    2012-02-30,0.0,12.8,5.0,4.7,drizzle\n\
                    2012-01-05,0.0\n\
                    2012-01-06,0.0,12.8,,4.7,sun\n";
        let cleaned = clean(table(rows), &testing::context()).unwrap();
        assert_eq!(
            cleaned.rejected,
            [
                "line 3: precipitation is -1, which cannot be",
                "line 4: temp_min 12.8 is above temp_max 5",
                "line 5: weather is 'frogs'",
                "line 6: 2012-01-01 comes after a later day",
                "line 7: '2012-02-30' is not a day such as 2012-01-31",
                "line 8: 2 columns in place of 6",
                "line 9: temp_min is ''",
            ]
        );
        assert_eq!(cleaned.series.len(), 1);
    }

    #[test]
    fn conf_limits_the_years() {
        let rows = "2011-12-31,0,1,0,1,sun\n2012-01-01,0,1,0,1,sun\n2013-01-01,0,1,0,1,sun\n";
        let context = testing::context().with_conf(serde_json::json!({"first_year": 2012, "last_year": 2012}));
        let cleaned = clean(table(rows), &context).unwrap();
        assert_eq!(cleaned.series.first.unwrap().to_string(), "2012-01-01");
        assert_eq!(cleaned.series.len(), 1);
    }

    #[test]
    fn another_table_is_fatal_and_an_empty_one_is_skipped() {
        let other = Table { source: String::new(), csv: "a,b\n1,2\n".into() };
        assert!(clean(other, &testing::context()).unwrap_err().is_fatal());
        assert!(clean(table(""), &testing::context()).unwrap_err().is_skip());
    }
}
