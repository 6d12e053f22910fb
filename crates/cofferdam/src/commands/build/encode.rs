//! From a core module to a component: what Go and C toolchains make is a module of WASI preview 1.

use crate::failure::{Exit, Failure};
use rust_embed::Embed;
use std::path::PathBuf;
use wasi_preview1_component_adapter_provider::{WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{PackageId, Resolve, UnresolvedPackageGroup};

/// The contract of tasks, the newest version.
#[derive(Embed)]
#[folder = "../../wit/task/0.1.1"]
struct TaskWit;

/// The parts of WASI that the SDKs use beside it.
#[derive(Embed)]
#[folder = "../../wit/wasi"]
struct WasiWit;

/// The contract and what an SDK may ask the host for besides. A component imports what its module does.
const WORLD: &str = "package cofferdam:build;
world task {
  include cofferdam:task/task@0.1.1;
  import wasi:http/outgoing-handler@0.2.0;
}";

/// Which world a module is made for.
pub enum World {
    /// `cofferdam:task/task`, and requests by `wasi:http`.
    Task,
    /// The only world of the package in this directory of WIT files.
    Of(PathBuf),
}

/// Makes a component of a module that exports what the world asks for.
///
/// # Errors
/// When the WIT cannot be read, or the module does not fit it.
pub fn component(mut module: Vec<u8>, world: &World) -> Result<Vec<u8>, Failure> {
    let wrong = |what: &'static str| move |error: anyhow::Error| Failure::new(Exit::Failed, format!("{what}: {error:#}"));
    // Bindings that a toolchain generated bring the world with them.
    if !has_world(&module) {
        let mut resolve = Resolve::default();
        let (package, name) = match world {
            World::Task => (task_package(&mut resolve).map_err(wrong("the contract of tasks cannot be read"))?, Some("task")),
            World::Of(dir) => (resolve.push_path(dir).map_err(wrong("the WIT cannot be read"))?.0, None),
        };
        let world = resolve.select_world(&[package], name).map_err(wrong("the WIT has no world to build for"))?;
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .map_err(wrong("the module cannot be given its world"))?;
    }
    adapted(&module).map_err(wrong("what was built does not fit the world of tasks"))
}

fn adapted(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let encoder = ComponentEncoder::default().validate(true).module(module)?;
    encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?.encode()
}

fn task_package(resolve: &mut Resolve) -> anyhow::Result<PackageId> {
    for name in ["io/io.wit", "http/http.wit"] {
        let file = WasiWit::get(name).ok_or_else(|| anyhow::anyhow!("{name} is not there"))?;
        push(resolve, name, std::str::from_utf8(&file.data)?)?;
    }
    let mut text = String::new();
    for name in TaskWit::iter() {
        let file = TaskWit::get(&name).ok_or_else(|| anyhow::anyhow!("{name} is not there"))?;
        let file = std::str::from_utf8(&file.data)?;
        // One package of several files: each says so in its first line.
        let body =
            file.strip_prefix("package cofferdam:task@0.1.1;").ok_or_else(|| anyhow::anyhow!("{name} has another package"))?;
        text.push_str(body);
    }
    push(resolve, "task.wit", &format!("package cofferdam:task@0.1.1;\n{text}"))?;
    push(resolve, "build.wit", WORLD)
}

fn push(resolve: &mut Resolve, name: &str, text: &str) -> anyhow::Result<PackageId> {
    let group = UnresolvedPackageGroup::parse(name, text).map_err(|(_, error)| anyhow::anyhow!("{error}"))?;
    resolve.push_group(group).map_err(|error| anyhow::anyhow!("{error}"))
}

/// Whether the module says which world it is made for, in a section that bindings put there.
fn has_world(module: &[u8]) -> bool {
    wasmparser::Parser::new(0).parse_all(module).any(|payload| match payload {
        Ok(wasmparser::Payload::CustomSection(section)) => section.name().starts_with("component-type"),
        Ok(_) | Err(_) => false,
    })
}
