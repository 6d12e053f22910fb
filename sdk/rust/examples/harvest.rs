//! A task that uses all that the platform offers: it counts the rows that the task `fetch` returned and left as `raw.csv`, and
//! leaves a report. With `{"end": "retry"}` and others it ends in another way.
//!
//! As `src/lib.rs` of a project made by `cofferdam new --lang rust`, it is a component.

use cofferdam::{Error, artifacts, checkpoint, config, progress, xcom};
use serde::{Deserialize, Serialize};
use std::io::Read as _;
use std::time::Duration;

/// What the task is given.
#[derive(Deserialize)]
pub struct Input {
    end: Option<String>,
}

/// What was found.
#[derive(Debug, PartialEq, Serialize)]
pub struct Harvest {
    region: String,
    host: String,
    port: u16,
    rows: usize,
    raw: usize,
    /// What the try before this one kept.
    before: Option<String>,
}

fn end(how: &str) -> Error {
    match how {
        "retry" => Error::retryable("the shop is closed"),
        "fatal" => Error::fatal("there is no shop"),
        "skip" => Error::skip("nothing was sold"),
        "reschedule" => Error::reschedule(Duration::from_secs(90)),
        "defer" => Error::defer("shop opened", Duration::from_secs(60)),
        _ => Error::fatal(format_args!("there is no ending '{how}'")),
    }
}

/// Counts what was fetched.
#[cofferdam::task]
pub fn harvest(input: Input) -> Result<Harvest, Error> {
    if let Some(how) = input.end {
        return Err(end(&how));
    }
    let region = config::variable("region")?.ok_or_else(|| Error::fatal("no region"))?;
    if config::variable("secret_plans").is_ok_and(|plans| plans.is_some()) {
        return Err(Error::fatal("what is not granted was given"));
    }
    let shop = config::connection("shop")?.ok_or_else(|| Error::fatal("no shop"))?;

    let fetched: Option<Vec<serde::de::IgnoredAny>> = xcom::pull("fetch")?;
    let rows = fetched.ok_or_else(|| Error::skip("nothing was fetched"))?.len();
    let mut reader = artifacts::open("fetch", "raw.csv")?.ok_or_else(|| Error::fatal("no raw.csv"))?;
    let mut raw = Vec::new();
    reader.read_to_end(&mut raw)?;

    let before = checkpoint::load()?;
    let text = format!("{rows} rows");
    checkpoint::save(&text)?;
    cofferdam::info!(rows = rows; "counted rows");
    artifacts::write("reports/count.txt", "text/plain", text.as_bytes())?;
    xcom::push("rows", &rows)?;
    progress::report(1.0, "counted");
    Ok(Harvest { region, host: shop.host.unwrap_or_default(), port: shop.port.unwrap_or(443), rows, raw: raw.len(), before })
}

/// Cargo takes an example for a program.
pub fn main() {}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam::testing;
    use serde_json::json;

    #[test]
    fn it_counts_what_was_fetched() {
        testing::give_variable("region", "eu");
        let shop = config::Connection { connection_id: "shop".into(), host: Some("shop.example".into()), ..Default::default() };
        testing::give_connection(shop);
        testing::give_xcom("fetch", xcom::RETURN_VALUE, &json!([1, 2]));
        testing::give_artifact("fetch", "raw.csv", "text/csv", b"a,b\n");
        let output = testing::run_json(harvest, &json!({})).unwrap();
        assert_eq!((&output["rows"], &output["raw"], &output["before"]), (&json!(2), &json!(4), &json!(null)));
        assert_eq!(testing::pushed_xcom("rows"), Some(json!(2)));
        assert_eq!(checkpoint::load::<String>().unwrap().as_deref(), Some("2 rows"));
    }

    #[test]
    fn it_ends_as_it_is_told() {
        assert!(testing::run_json(harvest, &json!({"end": "skip"})).unwrap_err().is_skip());
        assert!(testing::run_json(harvest, &json!({"end": "fatal"})).unwrap_err().is_fatal());
    }
}
