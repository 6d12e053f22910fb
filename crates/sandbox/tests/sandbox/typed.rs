//! Typed functions: a component that nobody made for Cofferdam.

use crate::lab::{Recorder, failure, output, program, request, runtime};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_domain::wit::{WitFunction, find};
use cofferdam_sandbox::TryReport;
use cofferdam_sandbox::inspect::{Kind, UploadCaps, inspect};
use cofferdam_test_guests::artefacts;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const API: &str = "acme:almanac/api@1.2.0";

fn entry(interface: Option<&str>, function: &str) -> Entry {
    Entry::Function { interface: interface.map(str::to_owned), function: function.to_owned() }
}

async fn call(function: &str, input: Value) -> TryReport {
    run(entry(Some(API), function), input, Limits::default()).await
}

async fn run(entry: Entry, input: Value, limits: Limits) -> TryReport {
    let request = request(entry, input.to_string(), limits);
    runtime().run(&program("typed"), request, Arc::<Recorder>::default(), CancellationToken::new()).await
}

fn reading(station: u64, value: f64) -> Value {
    json!({
        "station-id": station, "taken-at": -1, "value": value, "unit": "celsius", "place": { "city": "Oslo" },
        "checks": ["gaps", "sudden-spikes"], "mark": "ß", "raw": "AAEC/w==", "replaces": null, "usable": true,
    })
}

#[tokio::test]
async fn records_variants_lists_and_results() {
    let input = json!({ "readings": [reading(1, 10.0), reading(2, 20.5)], "ignore": "at-sea" });
    let report = call("summarise", input).await;
    assert_eq!(output(&report), json!({ "count": 2, "mean": 15.25, "unit": "celsius", "stations": [1, 2] }));
    assert!(report.receipt.fuel > 0 && report.receipt.output_bytes > 20, "{:?}", report.receipt);

    let fahrenheit = json!({ "readings": [reading(1, 10.0)], "unit": "fahrenheit", "ignore": { "city": "Bergen" } });
    assert_eq!(output(&call("summarise", fahrenheit).await)["mean"], json!(50.0));
}

#[tokio::test]
async fn every_value_comes_back_as_it_went() {
    let mut it = reading(u64::MAX, 0.1);
    it["station-id"] = json!(u64::MAX.to_string());
    it["taken-at"] = json!(i64::MIN.to_string());
    it["replaces"] = json!(1_u64 << 53);
    it["place"] = json!({ "position": [59.91, "-Infinity"] });
    for (nested, outcome) in [
        (json!(null), json!({ "ok": null })),
        (json!({ "some": null }), json!({ "err": "no" })),
        (json!({ "some": 7 }), json!({ "err": "" })),
    ] {
        let pair = json!([-128, 65_535, -32_768, 2_147_483_647]);
        let input = json!({ "it": it, "nested": nested, "outcome": outcome, "pair": pair });
        assert_eq!(output(&call("echo", input).await), json!([it, nested, outcome, pair]));
    }
    assert_eq!(output(&call("rest", json!({})).await), Value::Null);
    assert_eq!(output(&call("reverse", json!({ "bytes": "AAEC" })).await), json!("AgEA"));
    let hello = run(entry(None, "hello"), json!({ "who": "you" }), Limits::default()).await;
    assert_eq!(output(&hello), json!("Hello, you"));
}

#[tokio::test]
async fn names_may_be_spelled_with_underscores() {
    let mut it = reading(1, 1.0);
    let fields = it.as_object_mut().unwrap();
    for name in ["station-id", "taken-at"] {
        let value = fields.remove(name).unwrap();
        fields.insert(name.replace('-', "_"), value);
    }
    fields.insert("checks".to_owned(), json!(["sudden_spikes"]));
    let report = call("summarise", json!({ "readings": [it], "ignore": "at_sea" })).await;
    assert_eq!(output(&report)["count"], json!(1));
}

#[tokio::test]
async fn what_does_not_fit_never_starts() {
    let mut it = reading(1, 1.0);
    it["place"] = json!({ "position": [1, "north"] });
    let report = call("summarise", json!({ "readings": [reading(0, 0.0), it], "ignore": "at-sea" })).await;
    assert_eq!(
        failure(&report, Reason::InvalidInput),
        "the input does not fit 'acme:almanac/api@1.2.0#summarise': at /readings/1/place/position/1: expected a number, \"NaN\", \
         \"Infinity\" or \"-Infinity\" (f64), found \"north\""
    );
    assert_eq!((report.receipt.fuel, report.receipt.peak_memory_bytes), (0, 0));
    let request = request(entry(Some(API), "rest"), "{".to_owned(), Limits::default());
    let report = runtime().run(&program("typed"), request, Arc::<Recorder>::default(), CancellationToken::new()).await;
    assert!(failure(&report, Reason::InvalidInput).contains("expected JSON"), "{report:?}");
}

#[tokio::test]
async fn errors_end_the_try() {
    let report = call("summarise", json!({ "readings": [], "ignore": "at-sea" })).await;
    assert_eq!(failure(&report, Reason::GuestError), r#"'summarise' returned the error "nothing-usable""#);
    let report = call("summarise", json!({ "readings": [reading(9, -400.0)], "ignore": "at-sea" })).await;
    let message = failure(&report, Reason::GuestError);
    assert!(
        message.starts_with(r#"'summarise' returned the error {"impossible":{"#) && message.contains(r#""station-id":9"#),
        "{message}"
    );
}

#[tokio::test]
async fn a_task_error_ends_it_as_the_world_task_does() {
    let end = async |how: &str| call("end", json!({ "how": how })).await;
    assert_eq!(failure(&end("retryable").await, Reason::GuestError), "busy");
    assert_eq!(failure(&end("fatal").await, Reason::Fatal), "never");
    assert_eq!(end("skip").await.ending, Ending::Skip { message: "nothing to do".to_owned() });
    assert_eq!(end("reschedule").await.ending, Ending::Reschedule { after_ms: 1500 });
    assert_eq!(end("defer").await.ending, Ending::Defer { event: "rain".to_owned(), timeout_ms: 60_000 });
    assert_eq!(output(&end("well").await), json!("well"));
    assert!(failure(&end("panic").await, Reason::Trap).contains("told to"));
    let nul = end("nul").await;
    assert!(failure(&nul, Reason::InvalidOutput).contains("U+0000"), "{nul:?}");
    let long = end("long").await;
    assert!(failure(&long, Reason::InvalidOutput).contains("limits.result"), "{long:?}");
}

#[tokio::test]
async fn a_result_may_be_as_large_as_the_limit_says() {
    // 700,000 bytes are 933,336 characters of base64; each byte is a part of its own in the host.
    let bytes = base64(&vec![7; 700_000]);
    let report = call("reverse", json!({ "bytes": bytes })).await;
    assert_eq!(output(&report), json!(bytes));
    let small = Limits { result_bytes: 1_000, ..Limits::default() };
    let report = run(entry(Some(API), "reverse"), json!({ "bytes": bytes }), small).await;
    assert!(failure(&report, Reason::InvalidOutput).contains("limits.result"), "{:?}", report.ending);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn what_is_not_there_or_takes_a_resource_cannot_be_called() {
    let missing = call("sumarise", json!({})).await;
    assert_eq!(
        failure(&missing, Reason::InvalidComponent),
        "the component exports no function 'acme:almanac/api@1.2.0#sumarise'"
    );
    let resource = call("nearest", json!({ "city": "Oslo" })).await;
    assert!(failure(&resource, Reason::InvalidComponent).contains("takes or returns a resource"), "{resource:?}");
    let other = run(entry(Some("acme:almanac/other@1.0.0"), "f"), json!({}), Limits::default()).await;
    failure(&other, Reason::InvalidComponent);
}

#[test]
fn an_inspection_describes_the_functions() {
    let inspection = inspect(&artefacts::bytes("typed"), &UploadCaps::default()).unwrap();
    assert_eq!(inspection.kind, Kind::Library);
    let paths: Vec<_> = inspection.functions.iter().map(WitFunction::path).collect();
    for wanted in ["acme:almanac/api@1.2.0#summarise", "acme:almanac/api@1.2.0#rest", "hello"] {
        assert!(paths.iter().any(|path| path == wanted), "{wanted} in {paths:?}");
    }
    assert!(!paths.iter().any(|path| path.contains("cabi") || path.starts_with("wasi:")), "{paths:?}");
    let refused: Vec<_> =
        inspection.functions.iter().filter(|function| function.refused.is_some()).map(|f| f.name.as_str()).collect();
    assert_eq!(refused, ["[constructor]station", "[method]station.id", "nearest"]);

    let summarise = find(&inspection.functions, Some("api#summarise")).unwrap();
    assert_eq!(
        summarise.signature(),
        "func(readings: list<reading>, unit: option<unit>, ignore: place) -> result<summary, problem>"
    );
    let schema = summarise.input_schema();
    assert_eq!(schema["required"], json!(["readings", "ignore"]));
    let reading = &schema["properties"]["readings"]["items"];
    assert_eq!(reading["title"], "reading");
    assert_eq!(reading["properties"]["checks"]["items"]["enum"], json!(["range", "gaps", "sudden-spikes"]));
    assert_eq!(summarise.output_schema()["properties"]["count"], json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }));

    // The other guests are tasks and commands, and offer nothing else.
    for name in ["trivial", "behaviours", "command"] {
        let inspection = inspect(&artefacts::bytes(name), &UploadCaps::default()).unwrap();
        assert_eq!(inspection.functions, [], "{name}");
    }
}
