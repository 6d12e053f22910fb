//! Scripts in the dag itself.

use crate::site::Site;
use cofferdam_api_types::{DagRunState as RunState, ErrorCode};
use cofferdam_client::{ClientError, DagSource};
use serde_json::{Value, json};

fn script(task: &str, language: &str, source: &str, input: Value) -> Value {
    json!({ "task_id": task, "script": { "language": language, "source": source }, "input": input })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_gets_the_input_and_gives_the_result() {
    let site = Site::get().await;
    let python = "import statistics\nfrom cofferdam import log, xcom\n\ndef main(input):\n    log.info('counting')\n    \
                  xcom.push('n', len(input['values']))\n    return {'mean': statistics.mean(input['values'])}\n";
    let javascript = "function main(input) {\n  console.log('doubling', input);\n  return input.stats.mean * 2;\n}\n";
    let run = site
        .run(json!({ "dag_id": "scripts", "params": { "last": 6 }, "tasks": [
            script("py", "python", python, json!({ "values": [1, 2, { "$param": "last" }] })),
            script("js", "javascript", javascript, json!({ "stats": { "$from": "py" } })),
        ]}))
        .await;
    assert_eq!(run.state(), RunState::Success, "{run:?}");
    assert_eq!((run.result("py").await, run.result("js").await), (json!({ "mean": 3 }), json!(6)));
    assert_eq!(run.xcom("py", "n").await, json!(3));
    run.logged("js", r#"doubling {\"stats\":{\"mean\":3}}"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_ends_as_its_errors_say() {
    let site = Site::get().await;
    let py = |task, body: &str| {
        let source = format!("import cofferdam\nimport os\n\ndef main(input):\n    {body}\n");
        script(task, "python", &source, json!(null))
    };
    let js = |task, body: &str| script(task, "javascript", &format!("function main(input) {{\n  {body}\n}}\n"), json!(null));
    let mut endless = js("js_endless", "for (;;) {}");
    endless["limits"] = json!({ "fuel": 200_000_000 });
    let run = site
        .run(json!({ "dag_id": "script_endings", "tasks": [
            py("py_raises", "return {}['x']"), py("py_skips", "raise cofferdam.Skip('nothing new')"),
            py("py_reads", "return open('/etc/passwd').read()"), py("py_connects", "return cofferdam.http.get('http://example.com/').status"),
            js("js_throws", "return input.rows.length;"), js("js_fatal", "throw new cofferdam.Fatal('enough');"), endless,
        ]}))
        .await;
    assert_eq!(run.state(), RunState::Failed);
    let mut found = Vec::new();
    for task in ["py_raises", "py_skips", "py_reads", "js_throws", "js_fatal", "js_endless"] {
        let (state, reason, message) = run.ending(task).await;
        found.push(format!("{task}: {state} {reason}: {message}"));
    }
    assert_eq!(found[0], "py_raises: failed guest_error: KeyError: 'x' (line 5)");
    assert_eq!(found[1], "py_skips: skipped skipped_by_task: nothing new");
    assert!(found[2].starts_with("py_reads: failed guest_error: FileNotFoundError"), "{found:?}");
    assert_eq!(found[3], "js_throws: failed guest_error: TypeError: cannot read property 'length' of undefined (line 2)");
    assert_eq!(found[4], "js_fatal: failed fatal: enough");
    assert!(found[5].starts_with("js_endless: failed out_of_fuel"), "{found:?}");
    // What is not granted is refused, in scripts as anywhere else.
    let (state, _, message) = run.ending("py_connects").await;
    assert!(state == "failed" && message.contains("example.com"), "{message}");
}

/// Each of the other errors, in both languages. What a script kept before it asked to be run later is there when it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_run_again_when_it_asks_for_it() {
    let site = Site::get().await;
    let py = |task, error: &str| {
        let source = format!(
            "import cofferdam\nfrom cofferdam import checkpoint\n\ndef main(input):\n    kept = checkpoint.load()\n    if kept is None:\n        \
             checkpoint.save('been here')\n        raise cofferdam.{error}\n    return kept\n"
        );
        script(task, "python", &source, json!(null))
    };
    let js = |task, error: &str| {
        let source = format!(
            "function main(input) {{\n  const kept = cofferdam.checkpoint.load();\n  if (kept !== undefined) return kept;\n  \
             cofferdam.checkpoint.save('been here');\n  throw new cofferdam.{error};\n}}\n"
        );
        script(task, "javascript", &source, json!(null))
    };
    let mut tasks = vec![
        py("py_retry", "Retry('not now')"),
        py("py_fatal", "Fatal('never')"),
        py("py_reschedule", "Reschedule(0.05)"),
        py("py_defer", "Defer('no such event', 0.05)"),
        js("js_retry", "Retry('not now')"),
        js("js_skip", "Skip('nothing new')"),
        js("js_reschedule", "Reschedule(50)"),
        js("js_defer", "Defer('no such event', 50)"),
    ];
    for task in &mut tasks {
        task["retries"] = json!(1);
        task["retry_delay"] = json!("50ms");
    }
    let run = site.run(json!({ "dag_id": "script_errors", "tasks": tasks })).await;
    assert_eq!(run.state(), RunState::Failed, "one of them is fatal");
    for task in ["py_retry", "py_reschedule", "py_defer", "js_retry", "js_reschedule", "js_defer"] {
        assert_eq!(run.result(task).await, json!("been here"), "{task}");
    }
    let (state, reason, message) = run.ending("py_fatal").await;
    assert_eq!((state.as_str(), reason.as_str(), message.as_str()), ("failed", "fatal", "never"));
    let (state, reason, message) = run.ending("js_skip").await;
    assert_eq!((state.as_str(), reason.as_str(), message.as_str()), ("skipped", "skipped_by_task", "nothing new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_program_is_told_when_the_dag_is_applied() {
    let site = Site::get().await;
    let dag = json!({ "dag_id": "wrong_scripts", "tasks": [
        script("colon", "python", "x = 1\ndef main(input)\n    return x\n", json!(null)),
        script("none", "python", "def other(input): pass\n", json!(null)),
        script("right", "python", "main = lambda input: input\n", json!(null)),
        script("brace", "javascript", "const x = 1;\nfunction main(input) {\n  return x +;\n}\n", json!(null)),
        script("name", "javascript", "function other() {}", json!(null)),
        { "task_id": "lost", "component": "no/such" },
    ]});
    for dry_run in [true, false] {
        let refused = site.client.apply_dag(&DagSource::Json(dag.clone()), dry_run).await.unwrap_err();
        let ClientError::Problem(problem) = refused else { panic!("{refused}") };
        assert_eq!(problem.code, ErrorCode::InvalidDag);
        let found: Vec<_> = problem
            .diagnostics
            .iter()
            .map(|found| format!("{} {} {:?}", found.code, found.pointer, found.place.map(|place| (place.line, place.column))))
            .collect();
        let expected = [
            "invalid_script /tasks/0/script/source Some((2, 16))",
            "invalid_script /tasks/1/script/source Some((1, 1))",
            "invalid_script /tasks/3/script/source Some((3, 13))",
            "invalid_script /tasks/4/script/source Some((1, 1))",
            "unknown_component /tasks/5/component None",
        ];
        assert_eq!(found, expected);
        assert_eq!(problem.diagnostics[0].message, "line 2, column 16 of the script: expected ':'");
    }
}
