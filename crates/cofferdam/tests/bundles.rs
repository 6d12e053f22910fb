//! Bundles, synced by the command and watched by a server: a directory and a git repository.

mod support;

use cofferdam_test_guests::artefacts;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Done, Role, eventually};

const PAGE: &str = include_str!("../../../docs/bundles.md");

/// A block of the documentation.
fn block(language: &str) -> String {
    let start = format!("```{language}\n");
    let text = &PAGE[PAGE.find(&start).unwrap() + start.len()..];
    text[..text.find("```").unwrap()].to_owned()
}

#[expect(clippy::disallowed_methods, reason = "where Python and git are is told by an environment variable")]
fn path() -> String {
    std::env::var("PATH").unwrap()
}

fn run(dir: &Path, args: &[&str]) -> Done {
    Done::from(support::command(dir, args, &[("PATH", &path())]).output().unwrap())
}

fn git(dir: &Path, args: &[&str]) {
    let settings = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").current_dir(dir).args(settings).args(args).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn commit(dir: &Path) {
    git(dir, &["add", "--all"]);
    git(dir, &["commit", "--quiet", "--message", "change"]);
}

fn definition(id: &str) -> String {
    block("yaml").replace("dag_id: weather", &format!("dag_id: {id}"))
}

#[test]
fn a_directory_is_synced_with_all_kinds_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "4"], &[]);
    server.says("Commands in this directory");
    for name in ["trivial", "weather/fetch"] {
        run(dir, &["component", "push", artefacts::path("trivial").to_str().unwrap(), "--name", name]).exits(0);
    }
    fs::create_dir_all(dir.join("dags/sub")).unwrap();
    fs::write(dir.join("dags/weather.yaml"), block("yaml")).unwrap();
    fs::copy(artefacts::path("workflow"), dir.join("dags/sub/flow.wasm")).unwrap();
    let program = "from cofferdam import dag\nfrom cofferdam.dags import component\n\n\n@dag\ndef code():\n    component(\"weather/fetch\", task_id=\"one\")\n\n\ncode()\n";
    fs::write(dir.join("dags/code.py"), program).unwrap();
    fs::write(dir.join("dags/wrong.py"), program.replace("component(\"weather", "no_such_name(\"weather")).unwrap();
    fs::write(dir.join("dags/wrong.yaml"), "dag_id: wrong\ntasks:\n  - task_id: a\n    componentt: weather/fetch\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.join("dags/link.yaml")).unwrap();

    let sync = ["bundle", "sync", "dags", "--bundle", "weather"];
    // A workflow component writes its dags down here, and is not uploaded.
    let looked = run(dir, &[&sync[..], &["--dry-run"]].concat()).exits(1);
    assert!(looked.stdout.contains("would apply weather_berlin (version 1), weather_oslo (version 1)"), "{looked:#?}");
    run(dir, &["component", "show", "weather/sub/flow"]).exits(5);
    let synced = run(dir, &sync).exits(1);
    for told in [
        "weather (version 1)",
        "code (version 1)",
        "weather_berlin (version 1), weather_oslo (version 1)",
        "wrong.yaml:4:5: error[unknown_field]",
        "wrong.py:7:",
        "link.yaml: error[symbolic_link]",
        "6 files: 3 applied, 0 unchanged, 3 broken, 0 gone.",
    ] {
        assert!(synced.stdout.contains(told), "{told}: {synced:#?}");
    }
    assert!(synced.stderr.contains("3 files are broken"), "{synced:#?}");
    run(dir, &["dag", "trigger", "weather_oslo", "--run-id", "one", "--wait"]).exits(0);
    let errors = run(dir, &["bundle", "errors"]).exits(1);
    assert!(errors.stdout.contains("weather/wrong.yaml:4:5: error[unknown_field]"), "{errors:#?}");
    assert!(errors.stdout.contains("    4 |     componentt: weather/fetch"), "{errors:#?}");

    // Mended and removed: the rest is not touched.
    for gone in ["wrong.py", "link.yaml", "code.py"] {
        fs::remove_file(dir.join("dags").join(gone)).unwrap();
    }
    fs::write(dir.join("dags/wrong.yaml"), definition("right")).unwrap();
    let looked = run(dir, &[&sync[..], &["--dry-run"]].concat()).exits(0);
    assert!(looked.stdout.contains("code: would be paused") && looked.stdout.contains("would apply right"), "{looked:#?}");
    let synced = run(dir, &[&sync[..], &["-o", "json"]].concat()).json();
    assert_eq!(synced["deactivated_dags"], serde_json::json!(["code"]), "{synced}");
    run(dir, &["bundle", "errors", "weather"]).exits(0);
    let shown = run(dir, &["bundle", "show", "weather", "-o", "json"]).json();
    assert_eq!((&shown["files"], &shown["broken_files"], &shown["dags"]), (&3.into(), &0.into(), &4.into()), "{shown}");
    assert!(run(dir, &["bundle", "list"]).exits(0).stdout.contains("weather"));
    let detail = run(dir, &["dag", "show", "weather_oslo", "-o", "json"]).json();
    assert_eq!(detail["versions"][0]["origin"]["path"], "sub/flow.wasm", "{detail}");
    let nowhere = run(dir, &["bundle", "sync", "nowhere", "--bundle", "weather"]).exits(5);
    assert!(nowhere.stderr.contains("cannot be read"), "{nowhere:#?}");

    // Watching: what is written while it runs is applied.
    let mut watching =
        Role::start(dir, &[&sync[..], &["--watch", "--interval", "100ms", "--prune"]].concat(), &[("PATH", &path())]);
    watching.says("files: ");
    fs::write(dir.join("dags/late.yaml"), definition("late")).unwrap();
    watching.says("late.yaml: applied late (version 1)");
    fs::remove_file(dir.join("dags/late.yaml")).unwrap();
    watching.says("late: deleted, since its file is gone");
    watching.signal("INT");
    assert!(watching.ends().success());
    server.signal("TERM");
    assert!(server.ends().success());
}

#[test]
fn a_server_watches_a_directory_and_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (repository, dags) = (dir.join("repository"), dir.join("dags"));
    for folder in [&repository, &dags] {
        fs::create_dir(folder).unwrap();
    }
    fs::write(dags.join("here.yaml"), definition("here")).unwrap();
    fs::write(dags.join("program.py"), "from cofferdam import dag\n").unwrap();
    fs::copy(artefacts::path("workflow"), dags.join("flow.wasm")).unwrap();
    fs::write(repository.join("there.yaml"), definition("there")).unwrap();
    git(&repository, &["init", "--quiet"]);
    commit(&repository);
    let configuration = format!(
        "[[bundles]]\nname = \"local\"\npath = \"{}\"\ninterval = \"200ms\"\n\n\
         [[bundles]]\nname = \"remote\"\ngit = \"file://{}\"\nref = \"main\"\ninterval = \"200ms\"\nprune = true\n",
        dags.display(),
        repository.display()
    );
    fs::write(dir.join("cofferdam.toml"), configuration).unwrap();
    let mut server = Role::start(dir, &["dev", "--listen", "127.0.0.1:0", "--slots", "4"], &[("PATH", &path())]);
    server.says("Commands in this directory");
    let bundle = |name: &str| -> Option<Value> {
        let shown = run(dir, &["bundle", "show", name, "-o", "json"]);
        (shown.code == 0).then(|| shown.json())
    };
    // The component is not there yet: the files are broken, and are tried again.
    eventually("both bundles are read", || {
        let broken = |name| bundle(name).filter(|shown| shown["broken_files"] != 0 && !shown["synced_at"].is_null());
        broken("local").zip(broken("remote"))
    });
    for name in ["trivial", "weather/fetch"] {
        run(dir, &["component", "push", artefacts::path("trivial").to_str().unwrap(), "--name", name]).exits(0);
    }
    let local = eventually("the directory is applied", || {
        bundle("local").filter(|shown| shown["dags"] == 3 && shown["broken_files"] == 1)
    });
    assert_eq!(local["is_watched"], true, "{local}");
    let errors = run(dir, &["bundle", "errors", "local"]).exits(1);
    assert!(errors.stdout.contains("program_not_run") && errors.stdout.contains("cofferdam bundle sync DIR"), "{errors:#?}");
    let remote = eventually("the repository is applied", || bundle("remote").filter(|shown| shown["dags"] == 1));
    let first = remote["source"]["commit"].clone();

    // A commit with a change, a broken file and a removal.
    fs::write(repository.join("more.yaml"), definition("more")).unwrap();
    fs::write(repository.join("broken.yaml"), "dag_id: [\n").unwrap();
    commit(&repository);
    let remote = eventually("the commit is applied", || {
        let applied = |shown: &Value| shown["source"]["commit"] != first && shown["dags"] == 2 && shown["broken_files"] == 1;
        bundle("remote").filter(applied)
    });
    let detail = run(dir, &["dag", "show", "more", "-o", "json"]).json();
    assert_eq!(detail["versions"][0]["origin"]["commit"], remote["source"]["commit"], "{detail}");
    git(&repository, &["rm", "--quiet", "there.yaml", "broken.yaml"]);
    git(&repository, &["commit", "--quiet", "--message", "remove"]);
    eventually("the dag is deleted", || (run(dir, &["dag", "show", "there"]).code == 5).then_some(()));
    eventually("nothing is broken", || bundle("remote").filter(|shown| shown["broken_files"] == 0));

    // What cannot be read at all is the bundle's problem, and its dags stay.
    fs::rename(&dags, dir.join("elsewhere")).unwrap();
    let local = eventually("the problem is told", || bundle("local").filter(|shown| !shown["problem"].is_null()));
    assert!(local["problem"].as_str().unwrap().contains("cannot be read"), "{local}");
    assert_eq!(local["dags"], 3);
    fs::rename(dir.join("elsewhere"), &dags).unwrap();
    eventually("it is read again", || bundle("local").filter(|shown| shown["problem"].is_null()));
    server.signal("TERM");
    assert!(server.ends().success());
}
