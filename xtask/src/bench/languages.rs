//! The trivial task of `crates/sandbox/examples/bench` as components, each built as users build theirs.

use crate::{languages, workspace};
use anyhow::{Context, Result};
use cofferdam_test_guests::toolchains;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds the components into `folder` and returns them as arguments for the bench: `python=PATH`.
pub fn build(folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut built = Vec::new();
    let mut add = |language: &str, component: &Path| built.push(format!("{language}={}", component.display()));

    for (language, mut command) in [("python", python()?), ("js", node()?)] {
        let component = folder.join(format!("{language}.wasm"));
        command.arg("build").arg(source(language)).arg("-o").arg(&component);
        run(&format!("trivial task: {language}"), &mut command)?;
        add(language, &component);
    }
    // Go and C have no builder of their own: `cofferdam build` makes components of what their compilers make.
    let cofferdam = cofferdam()?;
    let path = toolchains::path();
    for language in ["go", "c"] {
        let name = format!("trivial-{language}");
        let projects = tempfile::tempdir()?;
        let client = |arguments: &[&str]| {
            let mut command = Command::new(&cofferdam);
            command.current_dir(projects.path()).args(arguments).env("PATH", &path).env("GOFLAGS", "-buildvcs=false");
            run(&format!("trivial task: {language}: cofferdam {}", arguments[0]), &mut command)
        };
        client(&["new", "--lang", language, &name])?;
        fs::copy(source(language), projects.path().join(&name).join(format!("task.{language}")))?;
        client(&["build", &name])?;
        let component = folder.join(format!("{language}.wasm"));
        fs::copy(projects.path().join(&name).join(format!("{name}.wasm")), &component)?;
        add(language, &component);
    }
    Ok(built)
}

/// Runs a tool. What it prints goes to standard error: standard output is for figures.
fn run(title: &str, command: &mut Command) -> Result<()> {
    workspace::run(title, command.stdout(io::stderr()))
}

fn source(language: &str) -> PathBuf {
    let extension = if language == "python" { "py" } else { language };
    workspace::root().join("crates/sandbox/examples/bench").join(format!("trivial.{extension}"))
}

fn python() -> Result<Command> {
    let mut command = languages::python()?;
    command.args(["-m", "cofferdam.cli"]);
    Ok(command)
}

fn node() -> Result<Command> {
    let mut command = languages::node()?;
    command.arg(workspace::root().join("sdk/js/bin/cofferdam-js.js"));
    Ok(command)
}

/// The command line client: the one that `COFFERDAM_PROGRAM` names, else it is built.
fn cofferdam() -> Result<PathBuf> {
    if let Some(program) = env::var_os("COFFERDAM_PROGRAM") {
        return Path::new(&program)
            .canonicalize()
            .with_context(|| format!("COFFERDAM_PROGRAM: {}", Path::new(&program).display()));
    }
    workspace::run("command line client", workspace::cargo().args(["build", "--locked", "--package", "cofferdam-cli"]))?;
    Ok(workspace::target_dir().join("debug/cofferdam"))
}
