//! The compile service and what it makes.

use crate::lab::{compile_config, compiled, in_process as runtime, output, request};
use bytes::Bytes;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::TenantId;
use cofferdam_sandbox::compile::{CompileConfig, CompileError, CompileService, Spent};
use cofferdam_sandbox::{CompiledCode, LoadError, NoHost, Runtime, RuntimeConfig};
use cofferdam_test_guests::{artefacts, hostile};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn compiled_code_survives_storage() {
    let stored = compiled("trivial").bytes().to_vec();
    let other = Runtime::new(RuntimeConfig::for_slots(1)).unwrap();
    assert_eq!(other.compatibility_hash(), runtime().compatibility_hash());
    let program = other.load(&CompiledCode::from_authenticated(Bytes::from(stored))).unwrap();
    let request = request(Entry::Task, r#"{"a":1}"#.to_owned(), Limits::default());
    let report = other.run(&program, request, Arc::new(NoHost), CancellationToken::new()).await;
    assert_eq!(output(&report), json!({"a": 1}));
}

#[test]
fn code_of_something_else_is_refused() {
    let error = runtime().load(&CompiledCode::from_authenticated(Bytes::from_static(b"not code"))).unwrap_err();
    assert!(matches!(error, LoadError::Incompatible(_)), "{error}");
}

#[tokio::test]
async fn a_compile_bomb_is_stopped_by_its_cpu_time() {
    let service = CompileService::new(CompileConfig { cpu_seconds: 1, ..compile_config() });
    let error = service.compile(TenantId::generate(), &hostile::compile_bomb()).await.unwrap_err();
    assert!(matches!(error, CompileError::TooExpensive(Spent::Cpu(1))), "{error}");
    assert_eq!(error.code(), "component_too_expensive");
}

#[tokio::test]
async fn a_compile_bomb_is_stopped_by_the_clock() {
    let service = CompileService::new(CompileConfig { wall: Duration::from_millis(500), ..compile_config() });
    let error = service.compile(TenantId::generate(), &hostile::compile_bomb()).await.unwrap_err();
    assert!(matches!(error, CompileError::TooExpensive(Spent::Wall(_))), "{error}");
}

#[tokio::test]
async fn a_compile_bomb_is_stopped_by_its_memory() {
    let service = CompileService::new(CompileConfig { memory_bytes: 192 << 20, ..compile_config() });
    let error = service.compile(TenantId::generate(), &hostile::compile_bomb()).await.unwrap_err();
    assert!(matches!(error, CompileError::TooExpensive(Spent::Memory(_))), "{error}");
}

/// Conditions one after the other, blocks inside each other, and values that are all alive at once: each passes the
/// inspection, and is compiled, or given up when its CPU time is spent (or, on a machine with much else to do, its time).
#[tokio::test]
async fn bombs_of_any_shape_end_in_time() {
    let service = CompileService::new(CompileConfig { cpu_seconds: 2, ..compile_config() });
    let bytes = 700 << 10;
    for (shape, bomb) in [
        ("conditions", hostile::compile_bomb_of(bytes)),
        ("nesting", hostile::nested_bomb_of(bytes)),
        ("live values", hostile::live_values_bomb_of(bytes)),
    ] {
        cofferdam_sandbox::inspect::inspect(&bomb, &Default::default()).unwrap_or_else(|error| panic!("{shape}: {error}"));
        match service.compile(TenantId::generate(), &bomb).await {
            Ok(_) | Err(CompileError::TooExpensive(_)) => {}
            Err(error) => panic!("{shape}: {error}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_valid_is_said_by_the_child() {
    let service = CompileService::new(compile_config());
    for bytes in [hostile::not_wasm(), hostile::core_module(), hostile::truncated(), hostile::invalid_code()] {
        let error = service.compile(TenantId::generate(), &bytes).await.unwrap_err();
        assert!(matches!(&error, CompileError::Invalid(why) if !why.is_empty()), "{error}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_our_failure() {
    let service = CompileService::new(CompileConfig::new("/nowhere/cofferdam", ["__compile"]));
    let error = service.compile(TenantId::generate(), &[]).await.unwrap_err();
    assert!(matches!(error, CompileError::Process { .. }), "{error}");
}

#[tokio::test]
async fn a_tenant_compiles_one_component_at_a_time() {
    // The other tenant's small component is done while the first tenant's second one still waits behind its bomb.
    let service = CompileService::new(CompileConfig { wall: Duration::from_secs(4), ..compile_config() });
    let (hostile_tenant, other_tenant) = (TenantId::generate(), TenantId::generate());
    let (bomb, small) = (hostile::compile_bomb(), artefacts::bytes("trivial"));
    let started = Instant::now();
    let first = service.compile(hostile_tenant, &bomb);
    let second = async {
        let result = service.compile(hostile_tenant, &small).await;
        (result, started.elapsed())
    };
    let neighbour = async {
        let result = service.compile(other_tenant, &small).await;
        (result, started.elapsed())
    };
    let (first, (second, second_done), (neighbour, neighbour_done)) = tokio::join!(first, second, neighbour);
    assert!(matches!(first, Err(CompileError::TooExpensive(_))));
    second.unwrap();
    neighbour.unwrap();
    assert!(second_done >= Duration::from_secs(4), "{second_done:?}");
    if std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
        assert!(neighbour_done < second_done, "{neighbour_done:?} {second_done:?}");
    }
}
