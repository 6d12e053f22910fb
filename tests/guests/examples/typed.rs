//! A component of typed functions, written with `wit-bindgen` alone: see `wit/almanac`.

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "bindings are generated")]
mod guest {
    wit_bindgen::generate!({
        path: ["../../wit/task/0.1.0", "wit/almanac"],
        world: "acme:almanac/almanac",
        generate_all,
    });

    use cofferdam::task::types::{DeferRequest, TaskError};
    use exports::acme::almanac::api::{Guest as Api, GuestStation, Place, Problem, Reading, Station, Summary, Unit};

    struct Almanac;
    struct Numbered(u64);

    impl GuestStation for Numbered {
        fn new(id: u64) -> Self {
            Self(id)
        }
        fn id(&self) -> u64 {
            self.0
        }
    }

    impl Guest for Almanac {
        fn hello(who: String) -> String {
            format!("Hello, {who}")
        }
    }

    impl Api for Almanac {
        type Station = Numbered;

        fn summarise(readings: Vec<Reading>, unit: Option<Unit>, ignore: Place) -> Result<Summary, Problem> {
            if let Some(impossible) = readings.iter().find(|reading| reading.value < -300.0) {
                return Err(Problem::Impossible(impossible.clone()));
            }
            let same = |place: &Place| match (place, &ignore) {
                (Place::City(a), Place::City(b)) => a == b,
                (Place::AtSea, Place::AtSea) => true,
                _ => false,
            };
            let usable: Vec<_> = readings.iter().filter(|reading| reading.usable && !same(&reading.place)).collect();
            if usable.is_empty() {
                return Err(Problem::NothingUsable);
            }
            let celsius = |reading: &&Reading| match reading.unit {
                Unit::Celsius => f64::from(reading.value),
                Unit::Fahrenheit => (f64::from(reading.value) - 32.0) / 1.8,
            };
            let mean = usable.iter().map(celsius).sum::<f64>() / usable.len() as f64;
            let unit = unit.unwrap_or(Unit::Celsius);
            Ok(Summary {
                count: usable.len() as u32,
                mean: Some(if unit == Unit::Celsius { mean } else { mean * 1.8 + 32.0 }),
                unit,
                stations: usable.iter().map(|reading| reading.station_id).collect(),
            })
        }

        fn echo(
            it: Reading,
            nested: Option<Option<u8>>,
            outcome: Result<(), String>,
            pair: (i8, u16, i16, i32),
        ) -> (Reading, Option<Option<u8>>, Result<(), String>, (i8, u16, i16, i32)) {
            (it, nested, outcome, pair)
        }

        fn reverse(mut bytes: Vec<u8>) -> Vec<u8> {
            bytes.reverse();
            bytes
        }

        fn end(how: String) -> Result<String, TaskError> {
            match how.as_str() {
                "retryable" => Err(TaskError::Retryable("busy".to_owned())),
                "fatal" => Err(TaskError::Fatal("never".to_owned())),
                "skip" => Err(TaskError::Skip("nothing to do".to_owned())),
                "reschedule" => Err(TaskError::Reschedule(1500)),
                "defer" => Err(TaskError::Defer(DeferRequest { event: "rain".to_owned(), timeout_ms: 60_000 })),
                "panic" => panic!("told to"),
                "nul" => Ok("a\0b".to_owned()),
                "long" => Ok("x".repeat(2 << 20)),
                other => Ok(other.to_owned()),
            }
        }

        fn rest() {}

        fn nearest(_: String) -> Station {
            Station::new(Numbered(1))
        }
    }

    export!(Almanac);
}
