//! What the sandbox costs for each language: a trivial task from start to finish, a task that waits, and metering.
//!
//! `cargo xtask bench sandbox` builds the components and names them as arguments: `python=PATH`, `js=PATH`, `go=PATH`, `c=PATH`. Without
//! any, there is Rust alone. Prints one line of JSON for each figure.

#[path = "bench/apart.rs"]
mod apart;
mod bench;
#[path = "bench/memory.rs"]
mod memory;
#[path = "bench/metering.rs"]
mod metering;
#[path = "bench/timings.rs"]
mod timings;
#[path = "bench/waiting.rs"]
mod waiting;

use cofferdam_domain::job::Entry;
use cofferdam_sandbox::{CompiledCode, RuntimeConfig};
use cofferdam_test_guests::artefacts;
use serde_json::{Value, json};
use std::process::ExitCode;
use timings::Timings;

/// What is measured of a language.
struct Language {
    name: &'static str,
    /// The unit of the time, and how many µs that is.
    unit: (&'static str, f64),
    /// What was measured with Wasmtime alone before this was built, in that unit.
    expected: Option<&'static str>,
    tries: usize,
    /// Tasks that wait at once.
    waiting: u32,
}

const LANGUAGES: [Language; 4] = [
    Language { name: "c", unit: ("us", 1.0), expected: Some("31-51"), tries: 20_000, waiting: 1_000 },
    Language { name: "go", unit: ("us", 1.0), expected: Some("500-900"), tries: 2_000, waiting: 200 },
    Language { name: "js", unit: ("us", 1.0), expected: Some("100-180"), tries: 5_000, waiting: 500 },
    Language { name: "python", unit: ("ms", 1_000.0), expected: Some("1.5-1.9"), tries: 1_000, waiting: 100 },
];
const RUST: Language = Language { name: "rust", unit: ("us", 1.0), expected: Some("20-31"), tries: 50_000, waiting: 1_000 };
/// A typed function.
const RUST_TYPED: Language = Language { name: "rust_typed", expected: None, ..RUST };
/// With WASI, the standard library and JSON, as the tasks of users are; the trivial one has none of them.
const RUST_JSON: Language = Language { name: "rust_json", expected: None, ..RUST };

/// Sandboxes of the runtime that is timed.
const SLOTS: u32 = 1_000;
/// The number whose Fibonacci number a guest computes to show what metering costs.
const FIBO: u32 = 32;

fn main() -> ExitCode {
    let given: Vec<(String, String)> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.split_once('=').map(|(name, path)| (name.to_owned(), path.to_owned())))
        .collect();
    bench::main(async move {
        let rust = bench::compile(&artefacts::bytes("trivial")).await;
        time(&RUST, &rust, &Entry::Task, "null").await;
        time_apart(&rust).await;
        let typed = bench::compile(&artefacts::bytes("typed")).await;
        let hello = Entry::Function { interface: None, function: "hello".to_owned() };
        time(&RUST_TYPED, &typed, &hello, r#"{"who": "you"}"#).await;
        let behaviours = artefacts::bytes("behaviours");
        let whole = bench::compile(&behaviours).await;
        time(&RUST_JSON, &whole, &Entry::Task, r#"{"do": "echo", "value": null}"#).await;
        wait(&RUST, &whole, r#"{"do": "xcom", "pull": [["upstream", "key"]]}"#).await;

        let ratios = metering::measure(&behaviours, FIBO);
        let conditions = json!({
            "fuel_alone": ratios.fuel, "epoch_alone": ratios.epoch, "neither_ms": ratios.plain.as_secs_f64() * 1e3,
            "fibo": ratios.number, "expected": "1.8",
        });
        print("fuel_ratio", ratios.both, &conditions);

        for language in &LANGUAGES {
            let Some((_, path)) = given.iter().find(|(name, _)| name == language.name) else { continue };
            let component = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let compiled = bench::compile(&component).await;
            time(language, &compiled, &Entry::Task, "null").await;
            wait(language, &compiled, r#""wait""#).await;
        }
    })
}

async fn time(language: &Language, compiled: &CompiledCode, entry: &Entry, input: &str) {
    let runtime = bench::runtime(RuntimeConfig::for_slots(SLOTS));
    let program = runtime.load(compiled).expect("it loads");
    let timings = Timings::measure(&runtime, &program, entry, input, language.tries).await;
    let (unit, micros) = language.unit;
    let conditions = json!({
        "best": timings.micros(0.0) / micros, "p95": timings.micros(0.95) / micros, "mean_cpu_us": timings.mean_cpu_us(),
        "tries": language.tries, "slots": runtime.capacity(), "expected": language.expected,
    });
    print(&format!("{}_{unit}", language.name), timings.micros(0.5) / micros, &conditions);
}

/// The trivial task in Rust, in a process of its tenant's own.
async fn time_apart(compiled: &CompiledCode) {
    let tries = 20_000;
    let apart = apart::measure(compiled, Entry::Task, "null".to_owned(), tries).await;
    let conditions = json!({
        "best": apart.micros(0.0), "p95": apart.micros(0.95), "each_of_many_us": apart.each.as_nanos() as f64 / 1e3,
        "many": apart::AT_ONCE, "tries": tries, "confined": false,
    });
    print("process_us", apart.micros(0.5), &conditions);
}

async fn wait(language: &Language, compiled: &CompiledCode, input: &str) {
    // A pool of its own: memory that earlier tries left in theirs would not be counted. It is larger than the tasks are many: a
    // pool has one memory and a half for each slot, and a component of JavaScript takes two.
    let runtime = bench::runtime(RuntimeConfig::for_slots(language.waiting * 4));
    assert!(runtime.capacity() > language.waiting * 3, "this machine does not allow so many sandboxes");
    let program = runtime.load(compiled).expect("it loads");
    let kib = waiting::measure(&runtime, &program, input, language.waiting).await;
    print(&format!("{}_waiting_kib", language.name), kib.resident, &json!({"tasks": language.waiting, "own_kib": kib.own}));
}

fn print(metric: &str, value: f64, conditions: &Value) {
    println!("{}", json!({"bench": "sandbox", "metric": metric, "value": value, "conditions": conditions}));
}
