//! A task in each language by the documented commands: scaffold, test, build, run here; then upload, and run in one dag.

#[expect(dead_code, reason = "others use the rest of it")]
mod support;

use cofferdam_sandbox::inspect::{Inspection, UploadCaps, inspect};
use cofferdam_test_guests::toolchains;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::{Done, Role};

/// A language, and its project.
struct Language {
    name: &'static str,
    project: OnceLock<PathBuf>,
}

impl Language {
    const fn new(name: &'static str) -> Self {
        Self { name, project: OnceLock::new() }
    }
}

static RUST: Language = Language::new("rust");
static GO: Language = Language::new("go");
static C: Language = Language::new("c");
static PYTHON: Language = Language::new("python");
static TS: Language = Language::new("ts");

/// Where the projects are: one folder for all tests of this process.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

/// Runs a program in a folder, with this binary and the toolchains on `PATH`.
fn run(dir: &Path, program: &str, args: &[&str]) -> Done {
    let binary = Path::new(env!("CARGO_BIN_EXE_cofferdam"));
    let tools = toolchains::path();
    let folders = std::iter::once(binary.parent().unwrap().to_owned()).chain(std::env::split_paths(&tools));
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).env("PATH", std::env::join_paths(folders).unwrap());
    // What is compiled once for all runs of these tests.
    command.env("CARGO_TARGET_DIR", kept.join("projects")).env("GOCACHE", kept.join("go")).env("GOFLAGS", "-buildvcs=false");
    command.env("npm_config_audit", "false").env("npm_config_fund", "false").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    if program == "cofferdam" && args[0] == "task" || args.last().is_some_and(|line| line.starts_with("cofferdam task")) {
        command.env("XDG_CACHE_HOME", kept);
    }
    command.output().unwrap_or_else(|error| panic!("{program}: {error}")).into()
}

impl Language {
    /// The project, tested and built by the commands that its README has, as they stand there.
    fn project(&self) -> &Path {
        self.project.get_or_init(|| {
            let name = format!("sums-{}", self.name);
            run(folder(), "cofferdam", &["new", "--lang", self.name, &name]).exits(0);
            let dir = folder().join(&name);
            let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
            let commands: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("    ")).collect();
            let [steps @ .., push] = commands.as_slice() else { panic!("{readme}") };
            assert_eq!(*push, format!("cofferdam component push {name}.wasm --name {name}"));
            assert!(steps.len() >= 3 && steps.iter().any(|step| step.starts_with("cofferdam task test")), "{readme}");
            for step in steps {
                run(&dir, "sh", &["-c", step]).exits(0);
            }
            dir
        })
    }

    fn component(&self) -> PathBuf {
        self.project().join(format!("sums-{}.wasm", self.name))
    }

    fn works(&self) {
        let file = self.component();
        let file = file.to_str().unwrap();
        let input = r#"{"values": [1, 2, 6]}"#;
        let test = |input: &str, more: &[&str]| {
            let args = [&["task", "test", file, "--input", input, "--output", "json"], more].concat();
            run(folder(), "cofferdam", &args)
        };
        let done = test(input, &["--expect", r#"{"count": 3, "mean": 3}"#]).exits(0);
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        assert!(report["log"][0]["message"].as_str().unwrap().starts_with("summing up"), "{report}");
        test(input, &["--expect", r#"{"count": 4, "mean": 3}"#]).exits(1);
        let report: Value = serde_json::from_str(&test(r#"{"values": []}"#, &[]).exits(10).stdout).unwrap();
        assert_eq!(report["message"], "there are no values");
        assert_eq!(report["reason"], "skipped_by_task");
        test(r#"{"values": "none"}"#, &[]).exits(1);
    }
}

/// What a task does not use, it does not ask for.
fn sends_no_requests(language: &Language) {
    let component = std::fs::read(language.component()).unwrap();
    assert!(!component.windows(9).any(|bytes| bytes == b"wasi:http"), "it asks for requests, and sends none");
}

#[test]
fn rust() {
    RUST.works();
    // The task of JSON tells its types, since they have the derive, and its documentation.
    let run = inspected(&RUST.component()).run.unwrap();
    assert_eq!(run.docs.as_deref(), Some("Sums up the values. Without values there is nothing to do."));
    assert_eq!(run.signature(), "func(input: Input) -> result<Summary>");
    let schema = run.params[0].ty.schema();
    assert_eq!((&schema["required"], &schema["description"]), (&json!(["values"]), &json!("What the task is given.")));
    assert_eq!(run.output_schema()["properties"]["mean"]["anyOf"][0]["type"], "number");
}

fn inspected(file: &Path) -> Inspection {
    inspect(&std::fs::read(file).unwrap(), &UploadCaps::default()).unwrap()
}

/// Types of all kinds, as a module of typed tasks.
const TYPED: &str = r#"
#[cofferdam::tasks]
mod tasks {
    use cofferdam::{Context, Error};

    /// A measurement.
    pub struct Reading {
        pub station: String,
        pub value: Option<f64>,
        pub unit: Unit,
        pub at: (u32, i64),
    }
    pub enum Unit {
        Celsius,
        DegreesFahrenheit,
    }
    pub enum Found {
        Nothing,
        TheBest(Reading),
    }

    /// Finds the reading with the highest value.
    pub fn find_best(readings: Vec<Reading>, context: &Context) -> Result<Found, Error> {
        if readings.len() > 10 {
            return Err(Error::skip(format_args!("too many for {}", context.dag_id)));
        }
        let best = readings.into_iter().filter(|reading| reading.value.is_some()).max_by(|a, b| a.value.partial_cmp(&b.value).unwrap());
        Ok(best.map_or(Found::Nothing, Found::TheBest))
    }

    /// Does nothing.
    pub fn nothing(_flag: bool) -> Result<(), Error> {
        Ok(())
    }
}
"#;

#[test]
fn typed_rust() {
    let dir = folder().join("typed-rust");
    run(folder(), "cofferdam", &["new", "--lang", "rust", "typed-rust"]).exits(0);
    std::fs::write(dir.join("src/lib.rs"), TYPED).unwrap();
    run(&dir, "cofferdam", &["build"]).exits(0);
    let call = |function: &str, input: &Value| {
        let input = input.to_string();
        let args = ["task", "test", "typed-rust.wasm", "--function", function, "--input", &input, "--output", "json"];
        run(&dir, "cofferdam", &args)
    };
    let reading =
        |station: &str, value: Value, unit: &str| json!({"station": station, "value": value, "unit": unit, "at": [1, -2]});
    let best = reading("Oslo", json!(7.5), "degrees-fahrenheit");
    let readings = json!({"readings": [reading("Bern", json!(3.0), "celsius"), best, reading("Rom", Value::Null, "celsius")]});
    let output = |done: Done| serde_json::from_str::<Value>(&done.exits(0).stdout).unwrap()["output"].clone();
    assert_eq!(output(call("find-best", &readings)), json!({"the-best": best}));
    assert_eq!(output(call("tasks#find-best", &json!({"readings": []}))), json!("nothing"));
    assert_eq!(output(call("nothing", &json!({"flag": true}))), Value::Null);
    let many: Vec<_> = (0..11).map(|_| best.clone()).collect();
    // The documentation of the module goes with the component, though toolchains keep none.
    let inspection = inspected(&dir.join("typed-rust.wasm"));
    let found = cofferdam_domain::wit::find(&inspection.functions, Some("find-best")).unwrap();
    assert_eq!(found.docs.as_deref(), Some("Finds the reading with the highest value."));
    assert_eq!(found.input_schema()["properties"]["readings"]["items"]["description"], "A measurement.");
    let skipped = call("find-best", &json!({"readings": many})).exits(10);
    assert!(skipped.stdout.contains("too many for local"), "{skipped:#?}");
}

/// An interface that is there first, with types of all kinds.
const WIT: &str = "
package almanac:sun@1.2.0;

interface times {
  use cofferdam:task/types@0.1.1.{task-error};
  record place { name: string, at: tuple<f64, f64> }
  enum season { summer, winter }
  flags kinds { bright, long }
  variant answer { never, once(string), %type(list<u8>) }
  /// When the sun is highest.
  noon: func(where: place, days: list<u32>, kinds: option<kinds>) -> result<answer, task-error>;
  season-of: func(month: u8) -> result<season, string>;
}

world almanac {
  export times;
  export %self: func();
  export version: func() -> string;
}
";

const WIT_FIRST: &str = r#"
#[cofferdam::tasks(wit = "wit/almanac.wit")]
mod sun {
    use cofferdam::{Context, Error};

    pub fn noon(place: Place, days: Vec<u32>, kinds: Option<Kinds>, context: &Context) -> Result<Answer, Error> {
        if place.at.1 > 66.5 {
            return Err(Error::skip(format_args!("{} has none in {}", place.name, context.dag_id)));
        }
        Ok(match (days.as_slice(), kinds) {
            ([], _) => Answer::Never,
            (_, Some(kinds)) => Answer::Type(vec![kinds.bits(), 7]),
            (days, None) => Answer::Once(format!("{}x12:00", days.len())),
        })
    }

    pub fn season_of(month: u8) -> Result<Season, String> {
        match month {
            4..10 => Ok(Season::Summer),
            1..13 => Ok(Season::Winter),
            _ => Err(format!("there is no month {month}")),
        }
    }

    pub fn self_() {}

    pub fn version() -> String {
        "7".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::sun;

    #[test]
    fn summer_is_short() {
        assert_eq!(sun::season_of(6), Ok(sun::Season::Summer));
        let place = sun::Place { name: "Bern".to_owned(), at: (7.4, 46.9) };
        let noon = sun::noon(place, vec![1, 2], None, &cofferdam::testing::context());
        assert_eq!(noon.unwrap(), sun::Answer::Once("2x12:00".to_owned()));
    }
}
"#;

#[test]
fn wit_first_rust() {
    let dir = folder().join("wit-rust");
    run(folder(), "cofferdam", &["new", "--lang", "rust", "wit-rust"]).exits(0);
    std::fs::create_dir(dir.join("wit")).unwrap();
    std::fs::write(dir.join("wit/almanac.wit"), WIT).unwrap();
    std::fs::write(dir.join("src/lib.rs"), WIT_FIRST).unwrap();
    // Its tests say what they lack until the feature is there.
    let lacking = run(&dir, "cargo", &["test", "--quiet"]);
    assert!(lacking.code != 0 && lacking.stderr.contains("needs the feature `wit`"), "{lacking:#?}");
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    let enabled = manifest.replace("path = \"cofferdam\" }", "path = \"cofferdam\", features = [\"wit\"] }");
    assert_ne!(manifest, enabled);
    std::fs::write(dir.join("Cargo.toml"), enabled).unwrap();
    run(&dir, "cargo", &["test", "--quiet"]).exits(0);
    run(&dir, "cofferdam", &["build"]).exits(0);
    let call = |function: &str, input: &Value| {
        let input = input.to_string();
        let args = ["task", "test", "wit-rust.wasm", "--function", function, "--input", &input, "--output", "json"];
        run(&dir, "cofferdam", &args)
    };
    let output = |done: Done| serde_json::from_str::<Value>(&done.exits(0).stdout).unwrap()["output"].clone();
    let noon = |latitude: f64, days: &[u32], kinds: Value| {
        call("noon", &json!({"where": {"name": "Oslo", "at": [10.7, latitude]}, "days": days, "kinds": kinds}))
    };
    assert_eq!(output(noon(59.9, &[], Value::Null)), json!("never"));
    assert_eq!(output(noon(59.9, &[1, 2], Value::Null)), json!({"once": "2x12:00"}));
    assert_eq!(output(noon(59.9, &[1], json!(["long"]))), json!({"type": "Agc="}));
    let skipped = noon(78.0, &[], Value::Null).exits(10);
    assert!(skipped.stdout.contains("Oslo has none in local"), "{skipped:#?}");
    assert_eq!(output(call("times#season-of", &json!({"month": 12}))), json!("winter"));
    assert!(call("season-of", &json!({"month": 13})).exits(1).stdout.contains("there is no month 13"));
    assert_eq!(output(call("version", &json!({}))), json!("7"));
    let functions = inspected(&dir.join("wit-rust.wasm")).functions;
    assert_eq!(cofferdam_domain::wit::find(&functions, Some("noon")).unwrap().docs.as_deref(), Some("When the sun is highest."));
}

#[test]
fn go() {
    GO.works();
    sends_no_requests(&GO);
}

#[test]
fn c() {
    C.works();
    sends_no_requests(&C);
}

#[test]
fn python() {
    PYTHON.works();
}

/// What people write in Python without a thought of components.
const PYTHON_OF_PEOPLE: &str = r#"
import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cofferdam import task
from helpers import double
from helpers.more import triple


class Closed(Exception):
    pass


@dataclass
class Item:
    name: str
    price: Decimal = Decimal("1.50")
    tags: set[str] = field(default_factory=set)
    since: datetime | None = None


@task
def priced(items: list[Item], limit: int | None = None) -> list[tuple[str, Decimal]]:
    return [(item.name, double(item.price)) for item in items[:limit]]


@task
async def together(values: list[int]) -> int:
    async def later(value: int) -> int:
        await asyncio.sleep(0.001)
        return triple(value)

    return sum(await asyncio.gather(*map(later, values)))


@task
async def forever() -> None:
    await asyncio.Event().wait()


@task
def one_by_one(to: int) -> Iterator[int]:
    print("counting", to)
    yield from range(to)


@task
def around() -> dict:
    return {"year": datetime.now().year > 2000, "lots": 0 <= random.random() < 1, "env": sorted(os.environ)}


@task
def closed(shop: str) -> None:
    raise Closed(f"{shop} is closed")
"#;

#[test]
fn python_as_people_write_it() {
    let dir = PYTHON.project();
    std::fs::create_dir(dir.join("helpers")).unwrap();
    std::fs::write(dir.join("helpers/__init__.py"), "def double(x):\n    return 2 * x\n").unwrap();
    std::fs::write(dir.join("helpers/more.py"), "def triple(x):\n    return 3 * x\n").unwrap();
    std::fs::write(dir.join("people.py"), PYTHON_OF_PEOPLE).unwrap();
    run(dir, "sh", &["-c", ".venv/bin/cofferdam-py build people.py"]).exits(0);
    let call = |function: &str, input: Value| called(dir, "people.wasm", function, &input);
    let items = json!([{"name": "bell", "price": "2.25", "tags": ["a", "a"], "since": "2026-11-21T00:00:00Z"}, {"name": "rim"}]);
    assert_eq!(call("priced", json!({ "items": items }))["output"], json!([["bell", "4.50"], ["rim", "3.00"]]));
    assert_eq!(call("together", json!({"values": [1, 2]}))["output"], 9);
    let stuck = call("forever", json!({}));
    assert!(stuck["message"].as_str().unwrap().contains("never happens") && stuck["reason"] == "fatal", "{stuck}");
    let counted = call("one-by-one", json!({"to": 3}));
    assert!(counted["output"] == json!([0, 1, 2]) && counted["stdout"].as_str().unwrap().contains("counting 3"), "{counted}");
    let around = call("around", json!({}));
    assert!(around["output"]["year"] == true && around["output"]["lots"] == true, "{around}");
    let closed = call("closed", json!({"shop": "Acme"}));
    assert_eq!((&closed["message"], &closed["reason"]), (&json!("Closed: Acme is closed"), &json!("guest_error")));
    assert!(closed["stderr"].as_str().unwrap().contains("people.py\", line "), "{closed}");
}

/// The report of a try of a function.
fn called(dir: &Path, file: &str, function: &str, input: &Value) -> Value {
    let input = input.to_string();
    let done = run(dir, "cofferdam", &["task", "test", file, "--function", function, "--input", &input, "--output", "json"]);
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

#[test]
fn typescript() {
    TS.works();
}

/// What people write in TypeScript without a thought of components.
const TS_OF_PEOPLE: &str = r#"
import { task } from "@cofferdam/sdk";
import { double } from "./helpers";
import rates from "./rates.json";

interface Item {
  name: string;
  price?: number;
}

class Closed extends Error {
  override name = "Closed";
}

export const priced = task((items: Item[], limit = 10): Map<string, number> =>
  new Map(items.slice(0, limit).map(({ name, price }) => [name, double(price ?? rates.usual)])));

export const seen = task((names: Set<string>): unknown => ({ names, more: new Map([["a", 1n]]), raw: Uint8Array.of(1, 2) }));

export const exact = task((count: bigint): bigint => count + 1n);

export const closed = task((shop: string): void => {
  console.log("asking", new Map([["shop", shop]]));
  throw new Closed(`${shop} is closed`);
});
"#;

#[test]
fn typescript_as_people_write_it() {
    let dir = TS.project();
    std::fs::write(dir.join("helpers.ts"), "export function double(x: number): number {\n  return 2 * x;\n}\n").unwrap();
    std::fs::write(dir.join("rates.json"), "{ \"usual\": 1.5 }\n").unwrap();
    std::fs::write(dir.join("people.ts"), TS_OF_PEOPLE).unwrap();
    run(dir, "sh", &["-c", "node_modules/.bin/cofferdam-js build people.ts -o people.wasm"]).exits(0);
    let call = |function: &str, input: Value| called(dir, "people.wasm", function, &input);
    let items = json!([{"name": "bell", "price": 2.25}, {"name": "rim"}]);
    assert_eq!(call("priced", json!({ "items": items }))["output"], json!({"bell": 4.5, "rim": 3}));
    assert_eq!(
        call("seen", json!({"names": ["x", "x", "y"]}))["output"],
        json!({"names": ["x", "y"], "more": {"a": 1}, "raw": "AQI="})
    );
    assert_eq!(call("exact", json!({"count": 41}))["output"], 42);
    let rounded = call("exact", json!({"count": "9007199254740993"}));
    assert!(rounded["message"].as_str().unwrap().contains("up to 2^53"), "{rounded}");
    let closed = call("closed", json!({"shop": "Acme"}));
    assert_eq!((&closed["message"], &closed["reason"]), (&json!("Closed: Acme is closed"), &json!("guest_error")));
    let (asked, stack) = (&closed["log"][0]["message"], &closed["log"][1]["message"]);
    assert_eq!(asked, r#"asking {"shop":"Acme"}"#);
    assert!(stack.as_str().unwrap().contains("(people.ts:24)"), "{stack}");

    std::fs::write(
        dir.join("node.ts"),
        "import { task } from \"@cofferdam/sdk\";\nexport default task((): void => {\n  fetch(\"x\");\n});\n",
    )
    .unwrap();
    let refused = run(dir, "sh", &["-c", "node_modules/.bin/cofferdam-js build node.ts -o node.wasm"]).exits(1);
    assert!(refused.stderr.contains("node.ts(3,3)") && refused.stderr.contains("send requests by `http`"), "{refused:#?}");
}

/// A task that uses every capability: an example of its SDK, as the source of a new project.
fn harvests(language: &str, example: &str, source: &str) {
    let name = format!("harvest-{language}");
    let dir = folder().join(&name);
    run(folder(), "cofferdam", &["new", "--lang", language, &name]).exits(0);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk").join(language).join("examples").join(example);
    std::fs::copy(example, dir.join(source)).unwrap();
    run(&dir, "cofferdam", &["build"]).exits(0);
    std::fs::write(dir.join("raw.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(dir.join("shop.yaml"), "connection_id: shop\nconn_type: http\nhost: shop.example\nport: 8443\n").unwrap();
    std::fs::create_dir(dir.join("out")).unwrap();
    let file = format!("{name}.wasm");
    let test = |args: &[&str]| run(&dir, "cofferdam", &[&["task", "test", &file, "--output", "json"], args].concat());
    let report = |done: Done| serde_json::from_str::<Value>(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));

    let given = [
        &[
            "--variable",
            "region=eu",
            "--connection",
            "shop.yaml",
            "--xcom",
            "fetch=[1,2,3]",
            "--artifact",
            "fetch/raw.csv=raw.csv",
        ][..],
        &["--checkpoint", "kept", "--artifacts", "out"],
    ]
    .concat();
    for before in [Value::Null, json!("3 rows")] {
        let report = report(test(&given).exits(0));
        let expected = json!({"region": "eu", "host": "shop.example", "port": 8443, "rows": 3, "raw": 8, "before": before});
        assert_eq!(report["output"], expected, "{report}");
        assert_eq!((&report["xcoms"]["rows"], &report["progress"]["fraction"]), (&json!(3), &json!(1.0)));
        assert_eq!(report["artifacts"][0]["name"], "reports/count.txt");
        assert_eq!(std::fs::read_to_string(dir.join("out/reports/count.txt")).unwrap(), "3 rows");
        assert!(report["log"].to_string().contains("counted"), "{report}");
    }
    for (end, code, ending, message) in [
        ("retry", 1, "failure", "the shop is closed"),
        ("fatal", 1, "failure", "there is no shop"),
        ("skip", 10, "skip", "nothing was sold"),
        ("reschedule", 11, "reschedule", ""),
        ("defer", 12, "defer", ""),
    ] {
        let report = report(test(&["--input", &json!({ "end": end }).to_string()]).exits(code));
        assert_eq!((&report["ending"], report["message"].as_str().unwrap_or_default()), (&json!(ending), message), "{report}");
        let after = match end {
            "reschedule" => json!(90_000),
            "defer" => json!(60_000),
            _ => Value::Null,
        };
        assert_eq!((&report["after_ms"], report["event"] == "shop opened"), (&after, end == "defer"), "{report}");
        let reason = if end == "retry" { "guest_error" } else { "fatal" };
        assert_eq!(report["reason"] == reason, code == 1, "{report}");
    }
}

#[test]
fn rust_uses_every_capability() {
    harvests("rust", "harvest.rs", "src/lib.rs");
}

#[test]
fn go_uses_every_capability() {
    harvests("go", "harvest/task.go", "task.go");
}

#[test]
fn c_uses_every_capability() {
    harvests("c", "harvest.c", "task.c");
}

/// A shop: its orders for who has the token, what it was told, and servers that have a bad day.
fn shop() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        // Requests that are never answered.
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let target = head.split(' ').nth(1).unwrap_or_default();
            let (status, answer) = match target {
                "/orders?all=1" if head.contains("authorization: bearer s3cret") => {
                    (200, br#"[{"amount": 2}, {"amount": 3.5}]"#.to_vec())
                }
                "/busy" => (503, b"later".to_vec()),
                // No text, and too long to be shown whole.
                "/gone" => (410, "\u{fc}".repeat(150).into_bytes().into_iter().chain([0xff; 9]).rev().collect()),
                "/silent" => {
                    silent.push(reader);
                    continue;
                }
                "/report" => (201, [b"got ", body.as_slice()].concat()),
                _ => (401, Vec::new()),
            };
            let head =
                format!("HTTP/1.1 {status} X\r\nX-Kind: Answer\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            drop(reader.get_mut().write_all(&[head.as_bytes(), &answer].concat()));
        }
    });
    address
}

/// A task that sends requests: an example of its SDK, as the source of a new project.
fn orders(language: &str, example: &str) {
    let name = format!("orders-{language}");
    let dir = folder().join(&name);
    run(folder(), "cofferdam", &["new", "--lang", language, &name]).exits(0);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk").join(language).join("examples").join(example);
    std::fs::copy(&example, dir.join("task").with_extension(example.extension().unwrap())).unwrap();
    run(&dir, "cofferdam", &["build"]).exits(0);
    let (shop, file) = (shop(), format!("{name}.wasm"));
    let connection =
        format!("connection_id: shop\nconn_type: http\nhost: 127.0.0.1\nport: {}\nschema: http\npassword: s3cret\n", shop.port());
    std::fs::write(dir.join("shop.yaml"), connection).unwrap();
    std::fs::write(dir.join("grant.yaml"), format!("http: [\"GET,POST http://{shop}\"]\n")).unwrap();
    let grant = ["--connection", "shop.yaml", "--grant", "grant.yaml", "--private-target", "127.0.0.1"];
    let ask = |target: &str, grant: &[&str]| {
        let input = json!({"orders": format!("http://{shop}{target}"), "report": format!("http://{shop}/report")}).to_string();
        let done = run(&dir, "cofferdam", &[&["task", "test", &file, "--output", "json", "--input", &input], grant].concat());
        serde_json::from_str::<Value>(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
    };

    let report = ask("/orders?all=1#top", &grant);
    assert_eq!(report["output"], json!({"total": 5.5, "kind": "Answer", "answer": r#"got {"total":5.5}"#}), "{report}");
    for (target, grant, reason, message) in [
        ("/busy", &grant[..], "guest_error", "answered 503: later"),
        ("/gone", &grant, "fatal", "answered 410"),
        ("/silent", &grant, "guest_error", "timeout"),
        ("/orders", &[], "fatal", "HTTP request denied"),
    ] {
        let report = ask(target, grant);
        assert_eq!(report["reason"], reason, "{target}: {report}");
        assert!(report["message"].as_str().unwrap().contains(message), "{target}: {report}");
    }
    let report = ask("", &grant[2..]);
    assert!(report["message"].as_str().unwrap().contains("HTTP request denied"), "the connection is not granted: {report}");
}

#[test]
fn go_sends_requests() {
    orders("go", "orders/task.go");
}

#[test]
fn c_sends_requests() {
    orders("c", "orders.c");
}

/// Each task takes what the one before it returned.
const DAG: &str = "\
dag_id: relay
tasks:
  - {task_id: python, component: sums-python, input: {values: [1, 2, 6]}}
  - {task_id: rust, component: sums-rust, input: {values: [{$from: python, path: /mean}, 5]}}
  - {task_id: ts, component: sums-ts, input: {values: [{$from: rust, path: /mean}, 6]}}
  - {task_id: go, component: sums-go, input: {values: [{$from: ts, path: /mean}, 7]}}
  - {task_id: c, component: sums-c, input: {values: [{$from: go, path: /mean}, 8]}}
";

#[test]
fn a_dag_hands_on_results_from_language_to_language() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("relay.yaml"), DAG).unwrap();
    let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "8"], &[]);
    server.says("Commands in this directory");
    let cofferdam = |args: &[&str]| Done::from(support::command(dir, args, &[]).output().unwrap());
    for language in [&PYTHON, &RUST, &TS, &GO, &C] {
        cofferdam(&["component", "push", language.component().to_str().unwrap()]).exits(0);
    }
    let described = cofferdam(&["component", "inspect", "sums-rust"]).exits(0).stdout;
    assert!(
        described.contains("func(input: Input) -> result<Summary>") && described.contains("Sums up the values."),
        "{described}"
    );
    let detail = cofferdam(&["component", "inspect", "sums-rust", "-o", "json"]).json();
    assert_eq!(detail["functions"][0]["parameters"], json!([{"name": "values", "type": "list<f64>"}]), "{detail}");
    assert_eq!(detail["functions"][0]["input_schema"]["title"], "Input", "{detail}");
    // What flows into the task in Rust and out of it is checked by the types that it tells.
    std::fs::write(dir.join("wrong.yaml"), DAG.replace("relay", "wrong").replace("path: /mean}, 6", "path: /meen}, 6")).unwrap();
    let refused = cofferdam(&["dag", "apply", "wrong.yaml"]);
    assert!(refused.code != 0 && refused.stderr.contains("did you mean '/mean'"), "{refused:#?}");
    cofferdam(&["dag", "apply", "relay.yaml"]).exits(0);
    cofferdam(&["dag", "trigger", "relay", "--run-id", "one", "--wait"]).exits(0);
    let result = |task: &str| cofferdam(&["run", "xcom", "relay", "one", "--task", task, "-o", "json"]).json();
    for (task, count, mean) in [("python", 3, 3.0), ("rust", 2, 4.0), ("ts", 2, 5.0), ("go", 2, 6.0), ("c", 2, 7.0)] {
        let result = &result(task)["value"];
        assert_eq!((&result["count"], result["mean"].as_f64()), (&json!(count), Some(mean)), "{task}: {result}");
    }
    server.signal("TERM");
    assert!(server.ends().success());
}
