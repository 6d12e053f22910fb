//! Programs: `wasi:cli/command`.

use crate::lab::{Recorder, compile_blocking, failure, output, program, request, runtime};
use cofferdam_domain::ending::Reason;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_sandbox::inspect::{UploadCaps, adapt_and_inspect};
use cofferdam_sandbox::{Stream, TryReport};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

async fn run(args: &[&str], input: &str, limits: Limits) -> (TryReport, Arc<Recorder>) {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let entry = Entry::Command { args, env: vec![("CITY".to_owned(), "Kyiv".to_owned())] };
    let host = Arc::new(Recorder::default());
    let request = request(entry, input.to_owned(), limits);
    let report = runtime().run(&program("command"), request, host.clone(), CancellationToken::new()).await;
    (report, host)
}

#[tokio::test]
async fn stdin_is_the_input_and_stdout_the_result() {
    let (report, host) = run(&["echo"], r#"{"rows": [1, 2]}"#, Limits::default()).await;
    assert_eq!(output(&report), json!({"rows": [1, 2]}));
    assert_eq!(host.lines_of(Stream::Stdout), [r#"{"rows": [1, 2]}"#]);
}

#[tokio::test]
async fn text_becomes_a_json_string_and_nothing_null() {
    let (report, _) = run(&["text"], "null", Limits::default()).await;
    assert_eq!(output(&report), json!("just text"));
    let (report, _) = run(&["nothing"], "null", Limits::default()).await;
    assert_eq!(output(&report), json!(null));
}

#[tokio::test]
async fn arguments_and_variables_are_the_entrys() {
    let (report, _) = run(&["env", "a b"], "null", Limits::default()).await;
    assert_eq!(output(&report), json!({"args": ["clean", "env", "a b"], "vars": [["CITY", "Kyiv"]]}));
}

#[tokio::test]
async fn the_exit_code_decides() {
    let (report, _) = run(&["exit", "0"], "null", Limits::default()).await;
    assert_eq!(output(&report), json!(null));
    let (report, _) = run(&["exit", "3"], "null", Limits::default()).await;
    assert!(failure(&report, Reason::GuestError).contains("leaving with 3"));
    let (report, _) = run(&["dance"], "null", Limits::default()).await;
    assert!(failure(&report, Reason::Trap).contains("cannot \"dance\""));
}

#[tokio::test]
async fn a_result_has_its_limit_and_the_log_its_own() {
    let limits = Limits { result_bytes: 64 << 10, output_bytes: 8 << 10, ..Limits::default() };
    let (report, _) = run(&["flood", "61440"], "null", limits.clone()).await;
    assert_eq!(output(&report).as_str().unwrap().len(), 61_440);
    assert_eq!(report.dropped_output_bytes, 61_440 - 8_192);
    let (report, _) = run(&["flood", "70000000"], "null", limits).await;
    assert!(failure(&report, Reason::InvalidOutput).contains("64 KiB"));
}

#[tokio::test]
async fn a_program_for_wasi_preview_1_runs_as_any_other() {
    let module = cofferdam_test_guests::preview1::copies_stdin();
    let (component, _) = adapt_and_inspect(&module, &UploadCaps::default()).unwrap();
    let program = runtime().load(&compile_blocking(component.into_owned())).unwrap();
    let entry = Entry::Command { args: vec![], env: vec![] };
    let request = request(entry, r#"{"rows":[1,2]}"#.to_owned(), Limits::default());
    let report = runtime().run(&program, request, Arc::<Recorder>::default(), CancellationToken::new()).await;
    assert_eq!(output(&report), json!({"rows": [1, 2]}));
}
