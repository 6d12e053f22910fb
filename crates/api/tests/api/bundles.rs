//! Bundles: files added, changed, moved, broken and removed, each by itself; import errors; where a dag comes from.

use crate::harness::Server;
use cofferdam_domain::context::Role;
use serde_json::{Value, json};

/// A file with one dag of one task.
fn dag(id: &str, extra: &str) -> String {
    format!("dag_id: {id}\n{extra}tasks:\n  - task_id: first\n    component: demo/echo\n")
}

fn file(path: &str, text: &str) -> Value {
    json!({ "path": path, "hash": cofferdam_objects::digest_of(text.as_bytes()), "content": { "definition": text } })
}

struct Bundle<'a> {
    server: &'a Server,
    key: String,
    name: &'static str,
}

impl Bundle<'_> {
    async fn send(&self, files: &[(&str, String)], more: Value) -> Value {
        let present: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        let files: Vec<Value> = files.iter().map(|(path, text)| file(path, text)).collect();
        let mut body = json!({
            "source": { "kind": "git", "location": "https://example.invalid/dags", "reference": "main", "commit": "c0ffee" },
            "present": present, "files": files, "finish": true
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.post(&format!("/api/v1/bundles/{}/sync", self.name), &self.key, body).await.ok(200)
    }

    async fn sync(&self, files: &[(&str, String)]) -> Value {
        self.send(files, json!({})).await
    }

    async fn get(&self, path: &str) -> Value {
        self.server.get(&format!("/api/v1/{path}"), &self.key).await.ok(200)
    }
}

/// What became of the files, in a line.
fn outcomes(synced: &Value) -> String {
    let files = synced["files"].as_array().unwrap().iter();
    files
        .map(|file| format!("{} {}", file["path"].as_str().unwrap(), file["outcome"].as_str().unwrap()))
        .collect::<Vec<_>>()
        .join(", ")
}

async fn bundle(server: &Server) -> Bundle<'_> {
    server.component(server.tenant, "demo/echo").await;
    Bundle { server, key: server.key(server.tenant, Role::Editor).await, name: "dags" }
}

#[tokio::test]
async fn one_bad_file_hides_no_other_and_leaves_the_last_good_version() {
    let server = Server::start().await;
    let bundle = bundle(&server).await;
    let (a, b) = (dag("a", ""), dag("b", ""));
    let synced = bundle.sync(&[("a.yaml", a.clone()), ("b.yaml", b.clone())]).await;
    assert_eq!(outcomes(&synced), "a.yaml applied, b.yaml applied");
    assert_eq!(synced["files"][0]["dags"], json!([{ "dag_id": "a", "version_number": 1, "changed": true }]));
    assert_eq!(
        outcomes(&bundle.sync(&[("a.yaml", a.clone()), ("b.yaml", b.clone())]).await),
        "a.yaml unchanged, b.yaml unchanged"
    );

    // One is changed, one is broken in a field, one is no YAML.
    let changed = dag("a", "description: changed\n");
    let broken = dag("b", "schdule: '@daily'\n");
    let files = [("a.yaml", changed.clone()), ("b.yaml", broken), ("c.yaml", "dag_id: c\ntasks: [\n".to_owned())];
    let synced = bundle.sync(&files).await;
    assert_eq!(outcomes(&synced), "a.yaml applied, b.yaml broken, c.yaml broken");
    assert_eq!(bundle.get("dags/a").await["version_number"], 2);
    let b_now = bundle.get("dags/b").await;
    assert_eq!(
        (&b_now["version_number"], &b_now["has_import_errors"], &b_now["is_active"]),
        (&json!(1), &json!(true), &json!(true))
    );
    assert_eq!((&b_now["fileloc"], &b_now["is_paused"]), (&json!("b.yaml"), &json!(false)));

    let errors = bundle.get("importErrors").await;
    assert_eq!(errors["total_entries"], 2, "{errors}");
    let error = &errors["import_errors"][0];
    let found = &error["diagnostics"][0];
    assert_eq!((&error["filename"], &error["bundle_name"]), (&json!("b.yaml"), &json!("dags")));
    assert_eq!((&found["code"], &found["line"], &found["column"]), (&json!("unknown_field"), &json!(2), &json!(1)), "{found}");
    assert_eq!(found["suggestion"]["replacement"], "schedule");
    assert_eq!(
        (&found["source"][0]["line"], found["source"][1]["text"].as_str().unwrap().starts_with("schdule")),
        (&json!(1), true)
    );
    assert!(error["stack_trace"].as_str().unwrap().starts_with("b.yaml:2:1: error[unknown_field]"), "{error}");
    assert_eq!(bundle.get(&format!("importErrors/{}", error["import_error_id"])).await, *error);
    let last = bundle.get("importErrors?order_by=-import_error_id&limit=1").await;
    assert_eq!(last["import_errors"][0]["filename"], "c.yaml");
    for (name, count) in [("dags", 2), ("others", 0)] {
        assert_eq!(bundle.get(&format!("importErrors?bundle_name={name}")).await["total_entries"], count, "{name}");
    }
    server.get("/api/v1/importErrors/987654", &bundle.key).await.problem(404, "not_found");
    let broken = bundle.get("bundles/dags/files?only_broken=true").await;
    assert_eq!((&broken["total_entries"], &broken["files"][0]["dags"]), (&json!(2), &json!(["b"])), "{broken}");
    let shown = bundle.get("bundles/dags").await;
    assert_eq!((&shown["files"], &shown["broken_files"], &shown["dags"]), (&json!(3), &json!(2), &json!(2)), "{shown}");

    // Mended, they are applied, and the errors are gone.
    let synced =
        bundle.sync(&[("a.yaml", changed), ("b.yaml", dag("b", "schedule: '@daily'\n")), ("c.yaml", dag("c", ""))]).await;
    assert_eq!(outcomes(&synced), "a.yaml unchanged, b.yaml applied, c.yaml applied");
    assert_eq!(bundle.get("importErrors").await["total_entries"], 0);
}

#[tokio::test]
async fn a_dag_whose_file_is_gone_is_paused_until_it_is_back() {
    let server = Server::start().await;
    let bundle = bundle(&server).await;
    let (a, b) = (dag("a", "schedule: '@hourly'\n"), dag("b", ""));
    bundle.sync(&[("a.yaml", a.clone()), ("b.yaml", b.clone())]).await;
    let looked = bundle.send(&[("b.yaml", b.clone())], json!({ "dry_run": true })).await;
    assert_eq!((&looked["removed_files"], &looked["deactivated_dags"]), (&json!(["a.yaml"]), &json!(["a"])));
    assert_eq!(bundle.get("dags/a").await["is_active"], true, "a dry run changes nothing");

    let synced = bundle.sync(&[("b.yaml", b.clone())]).await;
    assert_eq!((&synced["removed_files"], &synced["deactivated_dags"]), (&json!(["a.yaml"]), &json!(["a"])));
    let gone = bundle.get("dags/a").await;
    assert_eq!((&gone["is_active"], &gone["is_paused"]), (&json!(false), &json!(true)), "{gone}");
    assert_eq!(bundle.get("dags").await["total_entries"], 1, "as Airflow's list has it");
    assert_eq!(bundle.get("dags?only_active=false").await["total_entries"], 2);
    assert_eq!(bundle.get("bundles/dags").await["stale_dags"], 1);
    let again = bundle.sync(&[("b.yaml", b.clone())]).await;
    assert_eq!(again["deactivated_dags"], json!([]), "it is told once");

    // The same file again: nothing of the dag changed, and it goes on with its schedule.
    let synced = bundle.sync(&[("a.yaml", a.clone()), ("b.yaml", b.clone())]).await;
    assert_eq!(outcomes(&synced), "a.yaml applied, b.yaml unchanged");
    let back = bundle.get("dags/a").await;
    assert_eq!(
        (&back["is_active"], &back["is_paused"], &back["version_number"]),
        (&json!(true), &json!(false), &json!(1)),
        "{back}"
    );
    assert!(!back["next_run"].is_null(), "{back}");
    // One that somebody had paused stays so.
    server.call("PATCH", "/api/v1/dags/b", &bundle.key, Some(&json!({ "is_paused": true }))).await.ok(200);
    bundle.sync(&[("a.yaml", a.clone())]).await;
    bundle.sync(&[("a.yaml", a.clone()), ("b.yaml", b)]).await;
    assert_eq!(bundle.get("dags/b").await["is_paused"], true);

    // With `prune` it is deleted, unless a run of it is not finished.
    server.post("/api/v1/dags/a/dagRuns", &bundle.key, json!({})).await.ok(200);
    let synced = bundle.send(&[], json!({ "prune": true })).await;
    assert_eq!((&synced["deleted_dags"], &synced["deactivated_dags"]), (&json!(["b"]), &json!(["a"])), "{synced}");
    server.get("/api/v1/dags/b", &bundle.key).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_dag_moves_and_two_files_cannot_have_one() {
    let server = Server::start().await;
    let bundle = bundle(&server).await;
    let a = dag("a", "");
    bundle.sync(&[("one.yaml", a.clone())]).await;
    // Another file has it now: that is no removal.
    let synced = bundle.sync(&[("two.yaml", a.clone())]).await;
    assert_eq!((&synced["removed_files"], &synced["deactivated_dags"]), (&json!(["one.yaml"]), &json!([])), "{synced}");
    assert_eq!(bundle.get("dags/a").await["fileloc"], "two.yaml");
    // A second file that names it is told of both, and the first one keeps it.
    let both = [("one.yaml", a.clone()), ("two.yaml", a.clone())];
    let synced = bundle.sync(&both).await;
    assert_eq!(outcomes(&synced), "one.yaml broken, two.yaml unchanged");
    let found = &synced["files"][0]["diagnostics"][0];
    assert_eq!((&found["code"], &found["line"]), (&json!("duplicate_dag"), &json!(1)), "{found}");
    let message = found["message"].as_str().unwrap();
    assert!(message.contains("one.yaml") && message.contains("two.yaml"), "{message}");
    // The first one lets go of it.
    let synced = bundle.sync(&[("one.yaml", a.clone()), ("two.yaml", dag("b", ""))]).await;
    assert_eq!(outcomes(&synced), "one.yaml applied, two.yaml applied");
    assert_eq!(bundle.get("dags/a").await["fileloc"], "one.yaml");

    // Another bundle cannot take it while it is there.
    let other = Bundle { server: &server, key: bundle.key.clone(), name: "other" };
    let synced = other.sync(&[("mine.yaml", a.clone())]).await;
    let message = synced["files"][0]["diagnostics"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("one.yaml of the bundle 'dags'"), "{message}");
    // A dag that was applied by itself becomes the file's.
    let alone = json!({ "dag_id": "alone", "tasks": [{ "task_id": "first", "component": "demo/echo" }] });
    server.post("/api/v1/dags", &bundle.key, alone).await.ok(201);
    assert_eq!(bundle.get("dags/alone").await["fileloc"], "");
    assert_eq!(outcomes(&other.sync(&[("alone.yaml", dag("alone", "tags: [x]\n"))]).await), "alone.yaml applied");
    assert_eq!(bundle.get("dags/alone").await["fileloc"], "alone.yaml");

    // Where a version came from is told; forgetting the bundle leaves the dags.
    let detail = bundle.get("dags/alone/details").await;
    let origin = json!({ "bundle": "other", "path": "alone.yaml", "commit": "c0ffee" });
    assert_eq!((&detail["versions"][0]["origin"], detail["versions"][1].get("origin")), (&origin, None), "{detail}");
    assert_eq!(bundle.get("dagSources/alone").await["origin"], origin);
    server.call("DELETE", "/api/v1/bundles/other", &bundle.key, None).await.ok(204);
    assert_eq!(bundle.get("dags/alone").await["is_active"], true);
    assert_eq!(bundle.get("bundles").await["total_entries"], 1);
}

#[tokio::test]
async fn a_file_with_several_dags_is_applied_whole_or_not_at_all() {
    let server = Server::start().await;
    let bundle = bundle(&server).await;
    let written = |second: Value| {
        let task = json!([{ "task_id": "first", "component": "demo/echo" }]);
        let text = "first line\n  second line\n";
        let dags = json!([
            { "definition": { "dag_id": "one", "tasks": task } },
            { "definition": { "dag_id": "two", "tasks": second }, "lines": { "/tasks/0": 2 } }
        ]);
        json!({ "path": "many.py", "hash": cofferdam_objects::digest_of(second.to_string().as_bytes()),
            "content": { "program": { "text": text, "dags": dags } } })
    };
    let sync = async |file: Value| {
        let body = json!({ "source": { "kind": "directory", "location": "/dags" }, "present": ["many.py"], "files": [file], "finish": true });
        server.post("/api/v1/bundles/dags/sync", &bundle.key, body).await.ok(200)
    };
    let synced = sync(written(json!([{ "task_id": "first", "component": "demo/none" }]))).await;
    assert_eq!(outcomes(&synced), "many.py broken");
    let found = &synced["files"][0]["diagnostics"][0];
    assert_eq!((&found["line"], &found["column"]), (&json!(2), &json!(3)), "the program's line: {found}");
    server.get("/api/v1/dags/one", &bundle.key).await.problem(404, "not_found");
    let synced = sync(written(json!([{ "task_id": "first", "component": "demo/echo" }]))).await;
    assert_eq!(outcomes(&synced), "many.py applied");
    assert_eq!(bundle.get("dags").await["total_entries"], 2);

    // What cannot be meant is refused as a whole.
    let source = json!({ "kind": "directory", "location": "/dags" });
    for (body, at) in [
        (json!({ "source": source, "present": ["../a.yaml"] }), "/present/0"),
        (json!({ "source": source, "present": [], "files": [file("a.yaml", "x")] }), "/files/0/path"),
        (json!({ "source": source, "present": vec!["a"; 10_001] }), "/present"),
        (json!({ "source": { "kind": "directory", "location": "" }, "present": [] }), "/source/location"),
    ] {
        let refused = server.post("/api/v1/bundles/dags/sync", &bundle.key, body).await.problem(422, "invalid_body");
        assert_eq!(refused["pointer"], at, "{refused}");
    }
}
