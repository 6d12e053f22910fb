//! What counting fuel and looking at the epoch cost a guest that computes.
//!
//! A [`Runtime`](cofferdam_sandbox::Runtime) always does both, so this one compares engines of its own.

use serde_json::json;
use std::time::{Duration, Instant};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Config, Engine, Store};

const ROUNDS: usize = 25;

/// The times of a guest with and without the two, each as a multiple of the time with neither.
pub struct Ratios {
    pub both: f64,
    pub fuel: f64,
    pub epoch: f64,
    /// The time with neither.
    pub plain: Duration,
    /// The number whose Fibonacci number the guest computes.
    pub number: u32,
}

/// Compares the shortest of several times, taken in turns.
pub fn measure(behaviours: &[u8], number: u32) -> Ratios {
    let input = json!({"do": "fibo", "n": number}).to_string();
    let guests = [(false, false), (true, false), (false, true), (true, true)].map(|(fuel, epoch)| {
        let mut config = Config::new();
        config.consume_fuel(fuel).epoch_interruption(epoch).concurrency_support(false).shared_memory(false);
        config.wasm_gc(false).gc_support(false);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::new(&engine, behaviours).expect("it compiles");
        (engine, component, fuel)
    });
    let mut shortest = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        for ((engine, component, fuel), shortest) in guests.iter().zip(&mut shortest) {
            *shortest = (*shortest).min(time(engine, component, *fuel, &input));
        }
    }
    let ratio = |time: Duration| time.as_secs_f64() / shortest[0].as_secs_f64();
    Ratios { fuel: ratio(shortest[1]), epoch: ratio(shortest[2]), both: ratio(shortest[3]), plain: shortest[0], number }
}

/// The time of one call.
fn time(engine: &Engine, component: &Component, fuel: bool, input: &str) -> Duration {
    let mut linker = Linker::<()>::new(engine);
    // It computes and asks the host for nothing.
    linker.define_unknown_imports_as_traps(component).expect("imports that trap");
    let mut store = Store::new(engine, ());
    if fuel {
        store.set_fuel(u64::MAX).expect("fuel");
    }
    store.set_epoch_deadline(1);
    let instance = linker.instantiate(&mut store, component).expect("an instance");
    let run = instance.get_func(&mut store, "run").expect("a task");
    let mut returned = [Val::Bool(false)];
    let started = Instant::now();
    run.call(&mut store, &[Val::String(input.to_owned())], &mut returned).expect("it returns");
    let took = started.elapsed();
    assert!(matches!(returned, [Val::Result(Ok(_))]), "{returned:?}");
    took
}
