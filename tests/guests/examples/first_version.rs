//! A task built against the first version of the contract, 0.1.0, which uses each of its interfaces: it must go on running
//! in every later host of the same `0.1`.

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "bindings are generated")]
mod guest {
    wit_bindgen::generate!({ path: "../../wit/task/0.1.0", world: "task" });

    use cofferdam::task::{context, log, progress, xcom};

    struct FirstVersion;

    impl Guest for FirstVersion {
        fn run(input: String) -> Result<String, TaskError> {
            if input == "\"skip\"" {
                return Err(TaskError::Skip("nothing to do".to_owned()));
            }
            progress::report(0.5, "half");
            log::write(log::Level::Warn, "from the first version", &[("input".to_owned(), input)]);
            xcom::push("left", "1").map_err(|error| TaskError::Fatal(format!("{error:?}")))?;
            let pulled = xcom::pull("fetch", "return_value", None).map_err(|error| TaskError::Fatal(format!("{error:?}")))?;
            let context = context::get();
            Ok(format!("{{\"task\":{:?},\"pulled\":{}}}", context.task_id, pulled.unwrap_or_else(|| "null".to_owned())))
        }
    }

    export!(FirstVersion);
}
