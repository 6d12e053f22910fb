//! `cargo xtask guests`: the components of the tests and examples.

use crate::{languages, tools, workspace};
use anyhow::{Context, Result, ensure};
use cargo_metadata::{Message, MetadataCommand};
use std::{
    collections::BTreeMap,
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::Stdio,
};
use wasm_encoder::ComponentSection as _;

/// The operators in Rust; those that interpret scripts come from [`languages`].
const OPERATORS: [&str; 7] =
    ["branch", "csv-to-json", "http-request", "http-sensor", "json-transform", "slack-webhook", "wait-until"];

/// Builds every package whose manifest says `[package.metadata.cofferdam] guest = true` for `wasm32-wasip2`, and copies each
/// component to `target/guests/<name>.wasm`, and the operators to `target/guests/std`. Returns them by name. Components in other languages
/// are made by [`languages::build`].
///
/// The result depends on the sources and the toolchain only: paths of this machine are mapped away.
pub fn run() -> Result<BTreeMap<String, PathBuf>> {
    tools::wasm_target("wasm32-wasip2")?;
    let packages = guest_packages()?;
    ensure!(!packages.is_empty(), "no package says `[package.metadata.cofferdam] guest = true`");

    eprintln!("==> components: {}", packages.join(", "));
    let mut build = workspace::cargo();
    build.args(["build", "--locked", "--lib", "--bins", "--examples"]);
    build.args(["--target", "wasm32-wasip2", "--profile", "guest", "--message-format", "json-render-diagnostics"]);
    for package in &packages {
        build.args(["--package", package]);
    }
    build.env("CARGO_ENCODED_RUSTFLAGS", path_maps().join("\u{1f}"));
    let mut child = build.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;

    let folder = workspace::target_dir().join("guests");
    fs::create_dir_all(&folder)?;
    let mut components = BTreeMap::new();
    let output = child.stdout.take().context("cargo's output")?;
    for message in Message::parse_stream(BufReader::new(output)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        for file in artifact.filenames.iter().filter(|file| file.extension() == Some("wasm")) {
            let name = artifact.target.name.replace('_', "-");
            let copy = folder.join(format!("{name}.wasm"));
            // Only a changed component is written, so that whoever looks at its time does not build again for nothing.
            let bytes = fs::read(file)?;
            if fs::read(&copy).ok().as_deref() != Some(&bytes) {
                fs::write(&copy, &bytes).with_context(|| format!("cannot write {}", copy.display()))?;
            }
            components.insert(name, copy);
        }
    }
    ensure!(child.wait()?.success(), "the components were not built");
    components.insert("posix-preview1".to_owned(), preview1(&folder)?);
    components.extend(languages::build(&folder)?);
    for name in OPERATORS {
        let operator =
            components.remove(&format!("operator-{name}")).with_context(|| format!("the operator {name} was not built"))?;
        let copy = folder.join("std").join(format!("{name}.wasm"));
        let bytes = documented(fs::read(&operator)?)?;
        if fs::read(&copy).ok().as_deref() != Some(&bytes) {
            fs::write(&copy, &bytes).with_context(|| format!("cannot write {}", copy.display()))?;
        }
        components.insert(format!("std/{name}"), copy);
    }
    for (name, path) in &components {
        eprintln!("    {name:<24} {:>8} bytes", fs::metadata(path)?.len());
    }
    Ok(components)
}

/// The WIT of the operators in Rust.
const OPERATORS_WIT: &str = "examples/operators/rust/wit";

/// The component with the documentation of its WIT, in the section in which the SDKs write it.
fn documented(mut component: Vec<u8>) -> Result<Vec<u8>> {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir(workspace::root().join(OPERATORS_WIT))?;
    let documentation = wit_parser::PackageMetadata::extract(&resolve, package).encode()?;
    let section = wasm_encoder::CustomSection { name: "cofferdam-docs".into(), data: documentation.into() };
    section.append_to_component(&mut component);
    Ok(component)
}

/// The guest that works with files, as a core module for WASI preview 1.
fn preview1(folder: &Path) -> Result<PathBuf> {
    const TARGET: &str = "wasm32-wasip1";
    tools::wasm_target(TARGET)?;
    let mut build = workspace::cargo();
    build.args(["build", "--locked", "--package", "cofferdam-test-guests", "--example", "posix"]);
    build.args(["--target", TARGET, "--profile", "guest"]);
    build.env("CARGO_ENCODED_RUSTFLAGS", path_maps().join("\u{1f}"));
    workspace::run("a program for WASI preview 1", &mut build)?;
    let copy = folder.join("posix-preview1.wasm");
    let bytes = fs::read(workspace::target_dir().join(TARGET).join("guest/examples/posix.wasm"))?;
    if fs::read(&copy).ok().as_deref() != Some(&bytes) {
        fs::write(&copy, &bytes).with_context(|| format!("cannot write {}", copy.display()))?;
    }
    Ok(copy)
}

fn guest_packages() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().current_dir(workspace::root()).no_deps().exec().context("cargo metadata")?;
    let mut names: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| package.metadata["cofferdam"]["guest"] == true)
        .map(|package| package.name.to_string())
        .collect();
    names.sort();
    Ok(names)
}

/// Keeps this machine's folders out of panic messages, so that a component has the same digest wherever it is built.
fn path_maps() -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let cargo_home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    vec![
        format!("--remap-path-prefix={cargo_home}=/cargo"),
        format!("--remap-path-prefix={}=/cofferdam", workspace::root().display()),
    ]
}
