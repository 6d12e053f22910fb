//! `report`: writes down what was found, as Markdown.

use cofferdam::{Context, Error, OrFatal, info};
use serde::Deserialize;
use std::fmt::Write as _;
use weather::{Anomalies, Extreme, Spell, Summary, month_name};

/// What the dag gives this task.
#[derive(Deserialize)]
pub struct Input {
    source: String,
    rows: usize,
    rejected: Vec<String>,
    missing_days: usize,
    summary: Summary,
    anomalies: Anomalies,
}

/// Writes the report.
#[cofferdam::task]
pub fn report(input: Input, context: &Context) -> Result<String, Error> {
    let text = write(&input, &context.dag_run_id).or_fatal("writing the report")?;
    info!(bytes = text.len(), lines = text.lines().count(); "wrote the report");
    Ok(text)
}

fn write(input: &Input, run: &str) -> Result<String, std::fmt::Error> {
    let Input { summary, anomalies, .. } = input;
    let mut out = String::new();
    let years = (summary.years.first().map_or(0, |year| year.year), summary.years.last().map_or(0, |year| year.year));
    writeln!(out, "# The weather of Seattle, {} to {}\n", years.0, years.1)?;
    writeln!(
        out,
        "{}: {} rows, {} rejected, {} days missing. Normal is the mean of {}. Run `{run}`.\n",
        input.source,
        input.rows,
        input.rejected.len(),
        input.missing_days,
        anomalies.normal_period
    )?;

    writeln!(out, "## Findings\n")?;
    for finding in findings(summary, anomalies) {
        writeln!(out, "- {finding}")?;
    }

    writeln!(out, "\n## Years\n")?;
    writeln!(out, "| year | mean high °C | mean low °C | from normal °C | days above normal | rain mm | wet days | wind m/s |")?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
    for year in &summary.years {
        let departure = anomalies.years.iter().find(|found| found.year == year.year);
        let (mean, share) = departure.map_or((0.0, 0.0), |found| (found.mean, found.warm_share * 100.0));
        writeln!(
            out,
            "| {} | {:.1} | {:.1} | {mean:+.1} | {share:.0} % | {:.0} | {} | {:.1} |",
            year.year, year.temp_max, year.temp_min, year.precipitation, year.wet_days, year.wind
        )?;
    }

    writeln!(out, "\n## Days out of the ordinary\n")?;
    writeln!(
        out,
        "Daily temperatures depart from normal by {:.1} °C (standard deviation). Listed are days at least {:.1} °C away, the \
         furthest first.\n",
        anomalies.deviation, anomalies.threshold
    )?;
    writeln!(out, "| warm | °C | cold | °C |\n|---|---:|---|---:|")?;
    let cells = |found: Option<&Extreme>| found.map_or(" | ".into(), |found| format!("{} | {:+.1}", found.day, found.value));
    for at in 0..anomalies.hot.len().max(anomalies.cold.len()) {
        writeln!(out, "| {} | {} |", cells(anomalies.hot.get(at)), cells(anomalies.cold.get(at)))?;
    }
    Ok(out)
}

fn findings(summary: &Summary, anomalies: &Anomalies) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(year) = anomalies.years.iter().max_by(|a, b| a.mean.total_cmp(&b.mean)) {
        let share = year.warm_share * 100.0;
        found.push(format!(
            "{} was the warmest year, {:+.1} °C from normal; {share:.0} % of its days were above.",
            year.year, year.mean
        ));
    }
    let mut month = |which: &str, value: Option<(i32, u32, f64)>| {
        if let Some((year, month, departure)) = value {
            found.push(format!("The month furthest {which} normal was {} {year}, by {departure:+.1} °C.", month_name(month)));
        }
    };
    month("above", anomalies.warmest_month);
    month("below", anomalies.coldest_month);
    let wettest = summary.months.iter().max_by(|a, b| a.precipitation.total_cmp(&b.precipitation));
    if let (Some(period), Some(name)) = (wettest, wettest.and_then(|period| period.month)) {
        found.push(format!(
            "The wettest month was {} {}, with {:.0} mm on {} wet days.",
            month_name(name),
            period.year,
            period.precipitation,
            period.wet_days
        ));
    }
    let mut spell = |what: &str, spell: &Option<Spell>| {
        if let Some(spell) = spell {
            found.push(format!("The longest run of {what} lasted {} days, from {} to {}.", spell.days, spell.first, spell.last));
        }
    };
    spell("days without precipitation", &anomalies.dry_spell);
    spell("days with precipitation", &anomalies.wet_spell);
    spell("days above normal", &anomalies.warm_spell);
    let mut record = |what: &str, unit: &str, day: &Option<Extreme>| {
        if let Some(day) = day {
            found.push(format!("The {what} was {:.1} {unit}, on {}.", day.value, day.day));
        }
    };
    record("highest temperature", "°C", &summary.warmest);
    record("lowest temperature", "°C", &summary.coldest);
    record("most precipitation in a day", "mm", &summary.wettest);
    record("highest daily mean wind", "m/s", &summary.windiest);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam::testing;
    use serde_json::json;

    fn input() -> Input {
        serde_json::from_value(json!({
            "source": "Test", "rows": 366, "rejected": ["line 7: weather is 'frogs'"], "missing_days": 0,
            "summary": {
                "months": [{"year": 2012, "month": 11, "days": 30, "temp_max": 10.0, "temp_min": 5.0, "precipitation": 170.4, "wet_days": 19, "wind": 3.0}],
                "years": [{"year": 2012, "month": null, "days": 366, "temp_max": 15.3, "temp_min": 7.3, "precipitation": 1226.0, "wet_days": 170, "wind": 3.4}],
                "warmest": {"day": "2012-08-16", "value": 34.4}, "coldest": null, "wettest": null, "windiest": null
            },
            "anomalies": {
                "normal_period": "1981-2010", "deviation": 2.9, "threshold": 7.2,
                "hot": [{"day": "2012-08-16", "value": 8.4}], "cold": [],
                "years": [{"year": 2012, "mean": -0.2, "warm_share": 0.45}],
                "warmest_month": [2012, 8, 1.5], "coldest_month": null,
                "dry_spell": {"first": "2012-07-22", "last": "2012-09-08", "days": 49}, "wet_spell": null, "warm_spell": null
            }
        }))
        .unwrap()
    }

    #[test]
    fn findings_are_sentences() {
        let text = report(input(), &testing::context()).unwrap();
        for line in [
            "# The weather of Seattle, 2012 to 2012",
            "- 2012 was the warmest year, -0.2 °C from normal; 45 % of its days were above.",
            "- The month furthest above normal was August 2012, by +1.5 °C.",
            "- The wettest month was November 2012, with 170 mm on 19 wet days.",
            "- The longest run of days without precipitation lasted 49 days, from 2012-07-22 to 2012-09-08.",
            "| 2012 | 15.3 | 7.3 | -0.2 | 45 % | 1226 | 170 | 3.4 |",
            "| 2012-08-16 | +8.4 |  |  |",
        ] {
            assert!(text.lines().any(|written| written == line), "'{line}' is missing in:\n{text}");
        }
    }

    #[test]
    fn what_was_not_found_is_not_mentioned() {
        let text = report(input(), &testing::context()).unwrap();
        assert!(!text.contains("furthest below") && !text.contains("lowest temperature was"), "{text}");
    }
}
