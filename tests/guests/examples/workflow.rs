//! A program that writes dags down, written with `wit-bindgen` alone: see `wit/workflow`.

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "bindings are generated")]
mod guest {
    wit_bindgen::generate!({ path: "../../wit/workflow/0.1.0", world: "workflow" });

    use exports::cofferdam::workflow::definitions::Guest;
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher as _;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    struct Workflow;

    impl Guest for Workflow {
        /// One dag for each station. Both do what they must not: ask what time it is, and draw lots.
        fn define() -> Result<Vec<String>, String> {
            println!("writing two dags");
            let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let lot = RandomState::new().hash_one(0);
            let dag = |station: &str| {
                format!(
                    r#"{{"dag_id": "weather_{station}", "description": "made at {}, drawn {lot}", "tasks": [
                        {{"task_id": "greet", "component": "trivial", "input": {{"station": "{station}"}}}}]}}"#,
                    age.as_secs()
                )
            };
            Ok(vec![dag("berlin"), dag("oslo")])
        }
    }

    export!(Workflow);
}
