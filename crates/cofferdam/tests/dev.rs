//! `cofferdam dev` and the commands against it.

mod support;

use serde_json::Value;
use std::path::Path;
use support::{Done, Role, command, eventually};

const DAG: &str = "\
dag_id: sums
description: Adds numbers up.
tasks:
  - task_id: first
    component: test/behaves
    input: {do: echo, say: hello from first, value: {$conf: /value, default: 1}}
  - task_id: second
    component: test/behaves
    input: {do: echo, value: {$from: first}}
";

const FAILING: &str = "\
dag_id: fails
tasks:
  - task_id: broken
    component: test/behaves
    input: {do: fatal, message: no such station}
";

const SLOW: &str = "\
dag_id: slow
tasks:
  - task_id: nap
    component: test/behaves
    input: {do: sleep, ms: 600000}
    timeout: 1h
";

const TYPED: &str = "\
dag_id: typed
tasks:
  - task_id: read
    component: test/behaves
    input: {do: echo, value: {$conf: /readings}}
  - task_id: sum_up
    component: almanac
    function: acme:almanac/api#summarise
    retries: 3
    input:
      readings: {$from: read}
      ignore: at-sea
      unit: fahrenheit
";

const MISFIT: &str = "\
dag_id: typed
tasks:
  - task_id: sum_up
    component: almanac
    function: acme:almanac/api#summarise
    input: {readings: [], ignore: at-sea}
  - task_id: greet
    component: almanac
    function: hello
    input:
      who: {$from: sum_up, path: /count}
";

fn start(dir: &Path) -> Role {
    let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "8", "--drain-timeout", "1s"], &[]);
    server.says("Commands in this directory");
    server
}

fn run(dir: &Path, line: &str) -> Done {
    let args: Vec<&str> = line.split(' ').collect();
    Done::from(command(dir, &args, &[]).output().unwrap())
}

fn stop(mut server: Role) {
    server.signal("TERM");
    assert!(server.ends().success());
}

#[test]
fn a_component_goes_in_and_a_result_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (name, text) in [("sums.yaml", DAG), ("fails.yaml", FAILING), ("slow.yaml", SLOW)] {
        std::fs::write(dir.join(name), text).unwrap();
    }
    std::fs::copy(cofferdam_test_guests::artefacts::path("behaviours"), dir.join("behaves.wasm")).unwrap();
    let server = start(dir);

    // Signed in by itself, in this directory.
    run(dir, "health").exits(0);
    assert_eq!(run(dir, "component list").exits(0).stdout.lines().count(), 1);

    // A dag cannot come before its component; the mistake has its place.
    let refused = run(dir, "dag apply sums.yaml").exits(2);
    assert!(refused.stderr.contains("error[unknown_component]"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--> sums.yaml:5:16\n"), "{}", refused.stderr);
    let linted = run(dir, "dag lint --server sums.yaml").exits(1);
    assert!(linted.stderr.contains("--> sums.yaml:5:16\n"), "{}", linted.stderr);

    let pushed = run(dir, "component push behaves.wasm --name test/behaves --label v1 -o json").json();
    assert_eq!((&pushed["created"], &pushed["kind"]), (&true.into(), &"task".into()));
    let again = run(dir, "component push behaves.wasm --name test/behaves").exits(0);
    assert!(again.stdout.starts_with("Already there: test/behaves"), "{}", again.stdout);
    let inspected = run(dir, "component inspect test/behaves").exits(0).stdout;
    assert!(inspected.contains("cofferdam:task/context@0.1.1") && inspected.contains("export run"), "{inspected}");
    let digest = pushed["digest"].as_str().unwrap();
    let shown = run(dir, "component show test/behaves").exits(0).stdout;
    assert!(shown.contains(digest) && shown.contains("v1"), "{shown}");
    run(dir, &format!("component inspect test/behaves --wit --digest {}", &digest[..8])).exits(0);
    run(dir, "component inspect test/behaves --digest 0000").exits(5);
    std::fs::write(dir.join("not.wasm"), "hello").unwrap();
    run(dir, "component push not.wasm").exits(2);

    // Runs.
    let applied = run(dir, "dag apply sums.yaml fails.yaml slow.yaml").exits(0);
    assert_eq!(applied.stdout.lines().next(), Some("sums is applied as version 1."));
    assert_eq!(run(dir, "dag apply sums.yaml -o json").json()["changed"], false);
    let run_of_seven = run(dir, "dag trigger sums --run-id one --conf {\"value\":7} --wait -o json").json();
    assert_eq!((&run_of_seven["state"], &run_of_seven["dag_run_id"]), (&"success".into(), &"one".into()));
    let states: Vec<&Value> = run_of_seven["task_instances"].as_array().unwrap().iter().map(|task| &task["state"]).collect();
    assert_eq!(states, ["success", "success"]);
    assert!(run_of_seven["task_instances"][1]["receipt"]["fuel"].as_u64().unwrap() > 0);
    run(dir, "dag trigger sums --run-id one").exits(6);
    assert_eq!(run(dir, "run xcom sums --task second").exits(0).stdout.trim(), "7");
    let shown = run(dir, "run show sums").exits(0).stdout;
    assert!(shown.contains("second  success"), "{shown}");
    assert!(run(dir, "run list sums").exits(0).stdout.contains("one"));
    let logged = run(dir, "run logs sums one").exits(0).stdout;
    assert!(logged.contains("hello from first"), "{logged}");
    let followed = run(dir, "run logs sums one --task first --follow -o json").exits(0).stdout;
    let line: Value = serde_json::from_str(followed.lines().next().unwrap()).unwrap();
    assert_eq!((&line["task_id"], &line["message"]), (&"first".into(), &"hello from first".into()));

    // A run that fails, and one that is cancelled.
    let failed = run(dir, "dag trigger fails --wait").exits(1);
    assert!(failed.stdout.contains("no such station") && failed.stderr.contains("remedy:"), "{failed:#?}");
    let late = run(dir, "dag trigger slow --run-id nap --wait --timeout 200ms").exits(1);
    assert!(late.stderr.contains("is not finished yet"), "{}", late.stderr);
    run(dir, "run cancel slow nap").exits(0);
    run(dir, "run watch slow").exits(1);

    // Schedules, and what is not there.
    run(dir, "dag pause sums").exits(0);
    assert_eq!(run(dir, "dag list --pattern sums -o json").json()["dags"][0]["is_paused"], true);
    run(dir, "dag unpause sums").exits(0);
    assert!(run(dir, "dag show sums").exits(0).stdout.contains("second  first"));
    run(dir, "dag show nothing").exits(5);
    run(dir, "run show sums nothing").exits(5);
    run(dir, "dag delete fails").exits(2);
    run(dir, "dag delete fails --yes").exits(0);
    run(dir, "dag show fails").exits(5);

    // Keys.
    let key = run(dir, "token create reader --role viewer").exits(0).stdout;
    let url = url(dir);
    let with_key = |line: &str| {
        let args: Vec<&str> = line.split(' ').collect();
        Done::from(command(dir, &args, &[("COFFERDAM_URL", &url), ("COFFERDAM_TOKEN", key.trim())]).output().unwrap())
    };
    with_key("dag list").exits(0);
    with_key("dag apply sums.yaml").exits(4);
    let id = run(dir, "token list -o json").json()["api_keys"][0]["api_key_id"].as_str().unwrap().to_owned();
    run(dir, &format!("token revoke {id}")).exits(0);
    with_key("dag list").exits(4);

    let deep = run(dir, "health --deep").exits(0).stdout;
    assert!(deep.contains("database") && deep.contains("of 8 sandboxes busy"), "{deep}");
    stop(server);
    run(dir, "health").exits(3);
}

fn url(dir: &Path) -> String {
    let session: Value = serde_json::from_slice(&std::fs::read(dir.join(".cofferdam/dev.json")).unwrap()).unwrap();
    session["url"].as_str().unwrap().to_owned()
}

#[test]
fn signing_in_keeps_credentials_for_the_owner_only() {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let session: Value = serde_json::from_slice(&std::fs::read(dir.path().join(".cofferdam/dev.json")).unwrap()).unwrap();
    let url = session["url"].as_str().unwrap();
    let login = |password: &str| {
        let mut command = command(elsewhere.path(), &["login", "--url", url, "-u", "admin", "--password-stdin"], &[]);
        let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        Done::from(child.wait_with_output().unwrap())
    };
    let list = || run(elsewhere.path(), &format!("--url {url} dag list"));
    list().exits(4);
    login("wrong").exits(4);
    list().exits(4);
    login(session["password"].as_str().unwrap()).exits(0);
    list().exits(0);
    let file = elsewhere.path().join(".config/cofferdam/credentials.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for kept in ["dev.json", "secret.key"] {
        assert_eq!(std::fs::metadata(dir.path().join(".cofferdam").join(kept)).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // An access token that has expired is renewed, once, however many commands find it so.
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let expired = "e30.eyJleHAiOjB9.none";
    let refresh_token = kept["servers"][url]["tokens"]["refresh_token"].clone();
    kept["servers"][url]["tokens"]["access_token"] = expired.into();
    std::fs::write(&file, kept.to_string()).unwrap();
    std::thread::scope(|scope| {
        let commands: Vec<_> = (0..6).map(|_| scope.spawn(list)).collect();
        commands.into_iter().for_each(|command| drop(command.join().unwrap().exits(0)));
    });
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let tokens = &kept["servers"][url]["tokens"];
    assert!(tokens["access_token"] != expired && tokens["refresh_token"] != refresh_token);

    run(elsewhere.path(), &format!("--url {url} logout")).exits(0);
    list().exits(4);
    stop(server);
}

#[test]
fn a_second_start_goes_on_where_the_first_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let short = SLOW.replace("600000", "1500");
    std::fs::write(dir.join("slow.yaml"), short).unwrap();
    std::fs::copy(cofferdam_test_guests::artefacts::path("behaviours"), dir.join("behaves.wasm")).unwrap();
    let mut first = start(dir);
    let second = Role::start(dir, &["dev", "--listen", "127.0.0.1:0"], &[]).ends();
    assert_eq!(second.code(), Some(6), "two servers on one data directory");
    run(dir, "component push behaves.wasm --name test/behaves").exits(0);
    run(dir, "dag apply slow.yaml").exits(0);
    run(dir, "dag trigger slow --run-id nap").exits(0);
    eventually("the task runs", || {
        (run(dir, "run show slow nap -o json").json()["task_instances"][0]["state"] == "running").then_some(())
    });
    first.child.kill().unwrap();
    first.child.wait().unwrap();

    let server = start(dir);
    assert_eq!(run(dir, "run watch slow nap -o json").json()["state"], "success");
    stop(server);
}

#[test]
fn the_first_signal_lets_tasks_finish_and_the_second_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("slow.yaml"), SLOW.replace("600000", "{$conf: /ms}")).unwrap();
    std::fs::copy(cofferdam_test_guests::artefacts::path("behaviours"), dir.join("behaves.wasm")).unwrap();
    let start = || {
        let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "8", "--drain-timeout", "1h"], &[]);
        server.says("Commands in this directory");
        server
    };
    let begin = |id: &str, ms: &str| {
        run(dir, &format!("dag trigger slow --run-id {id} --conf {{\"ms\":{ms}}}")).exits(0);
        eventually("the task runs", || {
            let shown = run(dir, &format!("run show slow {id} -o json")).json();
            (shown["task_instances"][0]["state"] == "running").then_some(())
        });
    };
    let mut server = start();
    run(dir, "component push behaves.wasm --name test/behaves").exits(0);
    run(dir, "dag apply slow.yaml").exits(0);
    begin("short", "1500");
    server.signal("TERM");
    assert!(server.ends().success());

    let mut server = start();
    assert_eq!(run(dir, "run show slow short -o json").json()["state"], "success", "it finished during the drain");
    begin("long", "600000");
    server.signal("TERM");
    server.says("a second signal stops at once");
    server.signal("TERM");
    server.says("stopping at once");
    assert!(server.ends().success());
}

#[test]
fn a_component_of_plain_typed_functions_is_called_from_a_dag() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (guest, name) in [("behaviours", "behaves.wasm"), ("typed", "almanac.wasm")] {
        std::fs::copy(cofferdam_test_guests::artefacts::path(guest), dir.join(name)).unwrap();
    }
    std::fs::write(dir.join("typed.yaml"), TYPED).unwrap();
    std::fs::write(dir.join("wrong.yaml"), TYPED.replace("at-sea", "at-see")).unwrap();
    let server = start(dir);
    run(dir, "component push behaves.wasm --name test/behaves").exits(0);
    run(dir, "component push almanac.wasm").exits(0);
    let inspected = run(dir, "component inspect almanac").exits(0).stdout;
    assert!(inspected.contains("acme:almanac/api@1.2.0#summarise") && inspected.contains("list<reading>"), "{inspected}");
    assert!(inspected.contains("cannot be called"), "{inspected}");

    let refused = run(dir, "dag apply wrong.yaml").exits(2).stderr;
    assert!(refused.contains("error[type_mismatch]") && refused.contains("--> wrong.yaml:12:15\n"), "{refused}");
    assert!(refused.contains("at-sea"), "{refused}");
    run(dir, "dag apply typed.yaml").exits(0);

    // An edge between functions: both types, both places.
    std::fs::write(dir.join("misfit.yaml"), MISFIT).unwrap();
    for line in ["dag lint --server misfit.yaml", "dag diff misfit.yaml"] {
        let refused = run(dir, line).exits(1).stderr;
        assert!(refused.contains("'sum_up' gives u32 at '/count', and 'greet' takes string for 'who'"), "{refused}");
        assert!(refused.contains("--> misfit.yaml:11:20\n") && refused.contains("gives u32 at '/count'"), "{refused}");
    }
    let differs = run(dir, "dag diff misfit.yaml").exits(1).stdout;
    assert!(differs.contains("+ task greet") && differs.contains("- task read"), "{differs}");
    let right = MISFIT.replace("who: {$from: sum_up, path: /count}", "who: {$from: sum_up, path: /unit}");
    std::fs::write(dir.join("other.yaml"), right.replace("dag_id: typed", "dag_id: other")).unwrap();
    run(dir, "dag apply other.yaml").exits(0);
    let reading = |value: &str| {
        format!(
            r#"{{"station_id":9,"taken_at":"1","value":{value},"unit":"celsius","place":{{"position":[1,2]}},"checks":["gaps"],"mark":"x","raw":"AA==","usable":true}}"#
        )
    };
    let trigger = |id: &str, value: &str| {
        let conf = format!("{{\"readings\":[{}]}}", reading(value));
        run(dir, &format!("dag trigger typed --run-id {id} --wait -o json --conf {conf}"))
    };
    assert_eq!(trigger("right", "20").json()["state"], "success");
    let result: Value = serde_json::from_str(&run(dir, "run xcom typed right --task sum_up").exits(0).stdout).unwrap();
    assert_eq!(result, serde_json::json!({ "count": 1, "mean": 68.0, "unit": "fahrenheit", "stations": [9] }));

    // A wrong value is found before the function starts, and trying again would not mend it.
    let wrong = trigger("wrong", "\"warm\"");
    let wrong: Value = serde_json::from_str(&wrong.exits(1).stdout).unwrap();
    let task = &wrong["task_instances"][1];
    assert_eq!((&task["state"], &task["reason"], &task["try_number"]), (&"failed".into(), &"invalid_input".into(), &1.into()));
    let message = task["message"].as_str().unwrap();
    assert!(message.contains("at /readings/0/value: expected a number") && message.contains(r#"found "warm""#), "{message}");
    stop(server);
}
