//! `fetch`: hands out the observations.
//!
//! The table is part of the component. A task that reads it from a server would differ in this file only.

use cofferdam::{Error, info};
use weather::Table;

const OBSERVATIONS: &str = include_str!("../../../data/seattle-weather.csv");

/// The observations, as published.
#[cofferdam::task]
pub fn fetch() -> Result<Table, Error> {
    info!(bytes = OBSERVATIONS.len(), rows = OBSERVATIONS.lines().count() - 1; "fetched the observations");
    Ok(Table {
        source: "Daily observations at Seattle-Tacoma airport, NOAA National Climatic Data Center".into(),
        csv: OBSERVATIONS.into(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn four_years_of_days_are_there() {
        let table = super::fetch().unwrap();
        assert_eq!(table.csv.lines().count(), 1 + 366 + 365 + 365 + 365);
    }
}
