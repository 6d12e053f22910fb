//! A task that returns its input: what a try costs without work.

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "bindings are generated")]
mod guest {
    wit_bindgen::generate!({ path: "../../wit/task/0.1.0", world: "task" });

    struct Trivial;

    impl Guest for Trivial {
        fn run(input: String) -> Result<String, TaskError> {
            Ok(input)
        }
    }

    export!(Trivial);
}
