//! The task of {{name}}.

use cofferdam::{Error, Schema};
use serde::{Deserialize, Serialize};

/// What the task is given.
#[derive(Deserialize, Schema)]
struct Input {
    values: Vec<f64>,
}

/// What the values have in common.
#[derive(Debug, PartialEq, Schema, Serialize)]
struct Summary {
    count: u32,
    mean: f64,
}

/// Sums up the values. Without values there is nothing to do.
#[cofferdam::task]
fn summarize(input: Input) -> Result<Summary, Error> {
    let count = u32::try_from(input.values.len())?;
    if count == 0 {
        return Err(Error::skip("there are no values"));
    }
    cofferdam::info!(count = count; "summing up");
    Ok(Summary { count, mean: input.values.iter().sum::<f64>() / f64::from(count) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_summary_has_count_and_mean() {
        let output = cofferdam::testing::run_json(summarize, &json!({"values": [1, 2, 6]})).unwrap();
        assert_eq!(output, json!({"count": 3, "mean": 3.0}));
    }

    #[test]
    fn without_values_it_is_skipped() {
        assert!(summarize(Input { values: Vec::new() }).unwrap_err().is_skip());
    }
}
