//! The directions between crates, and what only one of them may touch; see "Architecture invariant" in `ARCHITECTURE.md`.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What each crate may depend on, besides crates from outside: `ids <- domain <- store, queue, objects, sandbox <- engine <-
/// worker, api <- cofferdam` and `ids <- api-types <- api, ui, client`. The engine never sees the sandbox, and the four below it
/// do not know each other. Dev-dependencies are free, except that they too keep outside of the fences below.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("cofferdam-ids", &[]),
    ("cofferdam-domain", &["cofferdam-ids"]),
    ("cofferdam-api-types", &["cofferdam-ids"]),
    ("cofferdam-store", &["cofferdam-ids", "cofferdam-domain"]),
    ("cofferdam-queue", &["cofferdam-ids", "cofferdam-domain"]),
    ("cofferdam-objects", &["cofferdam-ids", "cofferdam-domain"]),
    ("cofferdam-sandbox", &["cofferdam-ids", "cofferdam-domain"]),
    ("cofferdam-bundles", &[]),
    ("cofferdam-engine", &["cofferdam-ids", "cofferdam-domain", "cofferdam-store", "cofferdam-queue", "cofferdam-objects"]),
    (
        "cofferdam-worker",
        &[
            "cofferdam-ids",
            "cofferdam-domain",
            "cofferdam-store",
            "cofferdam-queue",
            "cofferdam-objects",
            "cofferdam-sandbox",
            "cofferdam-engine",
        ],
    ),
    (
        "cofferdam-api",
        &[
            "cofferdam-ids",
            "cofferdam-domain",
            "cofferdam-store",
            "cofferdam-queue",
            "cofferdam-objects",
            "cofferdam-sandbox",
            "cofferdam-bundles",
            "cofferdam-engine",
            "cofferdam-api-types",
        ],
    ),
    ("cofferdam-client", &["cofferdam-ids", "cofferdam-api-types"]),
    ("cofferdam-ui", &["cofferdam-ids", "cofferdam-api-types"]),
    (
        "cofferdam-cli",
        &[
            "cofferdam-ids",
            "cofferdam-domain",
            "cofferdam-store",
            "cofferdam-queue",
            "cofferdam-objects",
            "cofferdam-sandbox",
            "cofferdam-bundles",
            "cofferdam-engine",
            "cofferdam-worker",
            "cofferdam-api",
            "cofferdam-api-types",
            "cofferdam-client",
        ],
    ),
    (
        "cofferdam-test-support",
        &[
            "cofferdam-ids",
            "cofferdam-domain",
            "cofferdam-store",
            "cofferdam-queue",
            "cofferdam-objects",
            "cofferdam-api-types",
            "cofferdam-client",
        ],
    ),
    ("cofferdam-macros", &[]),
    ("cofferdam-sdk", &["cofferdam-macros"]),
];

/// Packages whose name starts with this belong to one crate alone.
const FENCES: &[(&str, &str)] = &[
    ("sqlx", "cofferdam-store"),
    ("redis", "cofferdam-queue"),
    ("wasmtime", "cofferdam-sandbox"),
    ("axum", "cofferdam-api"),
    ("object_store", "cofferdam-objects"),
];

fn metadata() -> Metadata {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    MetadataCommand::new().current_dir(root).no_deps().exec().unwrap()
}

fn ours(name: &str) -> bool {
    DIRECTIONS.iter().any(|(known, _)| *known == name)
}

/// What breaks a direction, in words.
fn broken_directions(packages: &[Package]) -> Vec<String> {
    let allowed: BTreeMap<_, _> = DIRECTIONS.iter().copied().collect();
    let mut broken = Vec::new();
    for package in packages {
        let Some(allowed) = allowed.get(package.name.as_str()) else { continue };
        for dependency in package.dependencies.iter().filter(|found| found.kind != DependencyKind::Development) {
            if ours(&dependency.name) && !allowed.contains(&dependency.name.as_str()) {
                broken.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    broken
}

/// What breaks a fence, in words.
fn broken_fences(packages: &[Package]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            let behind = FENCES.iter().find(|(prefix, _)| {
                dependency.name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            });
            if let Some((_, owner)) = behind
                && package.name != owner
            {
                broken.push(format!("{} is for {owner} alone, and {} depends on it", dependency.name, package.name));
            }
        }
    }
    broken
}

#[test]
fn directions_hold() {
    let broken = broken_directions(&metadata().packages);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_crate_has_a_direction() {
    let unknown: Vec<_> = metadata()
        .packages
        .into_iter()
        .filter(|package| package.manifest_path.components().any(|part| part.as_str() == "crates") && !ours(&package.name))
        .map(|package| package.name.to_string())
        .collect();
    assert!(unknown.is_empty(), "say in DIRECTIONS what these may depend on: {}", unknown.join(", "));
}

#[test]
fn fences_hold() {
    let broken = broken_fences(&metadata().packages);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The checks see what they are there to see.
#[test]
fn a_breach_is_found() {
    let mut packages = metadata().packages;
    let store = packages.iter().find(|package| package.name == "cofferdam-store").unwrap().clone();
    let sqlx = store.dependencies.iter().find(|found| found.name == "sqlx").unwrap().clone();
    let mut sandbox = sqlx.clone();
    sandbox.name = "cofferdam-sandbox".into();
    let engine = packages.iter_mut().find(|package| package.name == "cofferdam-engine").unwrap();
    engine.dependencies.push(sqlx);
    engine.dependencies.push(sandbox);
    assert_eq!(broken_fences(&packages), ["sqlx is for cofferdam-store alone, and cofferdam-engine depends on it"]);
    assert_eq!(broken_directions(&packages), ["cofferdam-engine must not depend on cofferdam-sandbox"]);
}

/// The environment is read in one place, so that a test or an embedding program decides what a crate sees.
#[test]
fn only_the_binary_reads_the_environment() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut readers = Vec::new();
    for package in metadata().packages {
        let folder = package.manifest_path.parent().unwrap().as_std_path().to_path_buf();
        // What tests are made of is told by the environment where things are; xtask is a program of the developer's machine;
        // and a macro runs in the compiler, where cargo tells it the crate through the environment only.
        let for_tests =
            folder.parent().is_some_and(|parent| parent.ends_with("tests")) || package.name == "cofferdam-test-support";
        if for_tests || ["cofferdam-cli", "cofferdam-macros", "xtask"].contains(&package.name.as_str()) {
            continue;
        }
        for file in
            sources(&folder.join("src")).into_iter().filter(|file| file.file_name().is_some_and(|name| name != "tests.rs"))
        {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                if reads_environment(line) {
                    let place = file.strip_prefix(root).unwrap_or(&file).display();
                    readers.push(format!("{place}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(readers.is_empty(), "only crates/cofferdam reads the environment; take these as arguments:\n{}", readers.join("\n"));
}

fn reads_environment(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["env::var(", "env::var_os(", "env::vars(", "env::vars_os("].iter().any(|call| code.contains(call))
}

#[test]
fn a_read_of_the_environment_is_recognised() {
    assert!(reads_environment("    let url = std::env::var(\"DATABASE_URL\");"));
    assert!(reads_environment("for (name, _) in env::vars_os() {"));
    assert!(!reads_environment("// std::env::var(\"HOME\") is read by the binary"));
    assert!(!reads_environment("let root = env!(\"CARGO_MANIFEST_DIR\");"));
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
