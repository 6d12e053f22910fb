//! The hostile corpus: tasks of the guests `behaviours` and `reach` that break a rule each, and how each must end.

use serde_json::{Map, Value, json};

/// A hostile task.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// As it stands in a dag.
    pub task: Value,
    /// The reason with which it fails; none when it succeeds all the same, with less than it asked for.
    pub reason: Option<&'static str>,
    /// Milliseconds within which it ends.
    pub within_ms: u64,
    /// A text that its result contains, or the message of its failure.
    pub says: &'static str,
}

fn one(
    task_id: &str,
    component: &str,
    input: Value,
    settings: Value,
    reason: Option<&'static str>,
    within_ms: u64,
    says: &'static str,
) -> Hostile {
    let mut task = Map::new();
    task.insert("task_id".to_owned(), task_id.into());
    task.insert("component".to_owned(), component.into());
    task.insert("input".to_owned(), input);
    if let Value::Object(settings) = settings {
        task.extend(settings);
    }
    Hostile { task: task.into(), reason, within_ms, says }
}

/// All of them, with names that are different.
#[must_use]
pub fn tasks() -> Vec<Hostile> {
    let behaves = |task_id: &str, input, settings, reason, within_ms, says| {
        one(task_id, "behaviours", input, settings, reason, within_ms, says)
    };
    let none = || json!({});
    let limits = |limits: Value| json!({ "limits": limits });
    let endless = || json!({ "timeout": "3s", "limits": { "fuel": 1_000_000_000_000_u64 } });
    let mut all = vec![
        // Time and fuel.
        behaves("loop_1", json!({ "do": "loop" }), endless(), Some("timed_out"), 5_000, "limit of 3 s"),
        behaves("loop_2", json!({ "do": "loop" }), endless(), Some("timed_out"), 5_000, "limit of 3 s"),
        behaves("loop_3", json!({ "do": "loop" }), endless(), Some("timed_out"), 5_000, "limit of 3 s"),
        behaves(
            "sleeper",
            json!({ "do": "sleep", "ms": 600_000 }),
            json!({ "timeout": "1s" }),
            Some("timed_out"),
            3_000,
            "limit of 1 s",
        ),
        behaves("burner", json!({ "do": "loop" }), limits(json!({ "fuel": 100_000_000 })), Some("out_of_fuel"), 5_000, "fuel"),
        // Memory, stack, tables, instances.
        behaves("bomb", json!({ "do": "memory", "mib": 4_000 }), none(), Some("out_of_memory"), 20_000, "256 MiB"),
        behaves("deep", json!({ "do": "recurse" }), none(), Some("stack_overflow"), 5_000, "stack"),
        behaves(
            "tables",
            json!({ "do": "echo", "value": 1 }),
            limits(json!({ "table_elements": 2 })),
            Some("limit_exceeded"),
            5_000,
            "table_elements",
        ),
        behaves(
            "instances",
            json!({ "do": "echo", "value": 1 }),
            limits(json!({ "instances": 1 })),
            Some("limit_exceeded"),
            5_000,
            "limits.instances",
        ),
        behaves(
            "hoarder",
            json!({ "do": "hoard", "count": 100_000 }),
            limits(json!({ "handles": 10_000 })),
            Some("limit_exceeded"),
            5_000,
            "10000 handles",
        ),
        // What is said: cut off, and the task goes on.
        behaves(
            "flood",
            json!({ "do": "flood", "bytes": 1_u64 << 30 }),
            json!({ "timeout": "120s" }),
            None,
            120_000,
            "all printed",
        ),
        behaves("chatter", json!({ "do": "log", "count": 200_000 }), json!({ "timeout": "120s" }), None, 60_000, ""),
        behaves("hurry", json!({ "do": "progress", "steps": 100_000 }), json!({ "timeout": "120s" }), None, 60_000, ""),
        // What it may not reach.
        behaves("file", json!({ "do": "file", "path": "/etc/passwd" }), none(), None, 5_000, "err"),
        behaves("socket", json!({ "do": "socket", "address": "127.0.0.1:80" }), none(), None, 5_000, "err"),
        behaves("dns", json!({ "do": "dns", "address": "localhost:80" }), none(), None, 5_000, "err"),
        behaves("listen", json!({ "do": "listen", "address": "127.0.0.1:0" }), none(), None, 5_000, "err"),
        behaves("variable", json!({ "do": "config", "variables": ["region"] }), none(), None, 5_000, "grant.variables"),
        behaves("connection", json!({ "do": "config", "connections": ["warehouse"] }), none(), None, 5_000, "grant.connections"),
        // What it leaves behind.
        behaves(
            "saved",
            json!({ "do": "checkpoint", "save": "x".repeat(2_000) }),
            limits(json!({ "checkpoint": "1KiB" })),
            Some("fatal"),
            5_000,
            "TooLarge(1024)",
        ),
        behaves(
            "artifact_bytes",
            json!({ "do": "artifact", "name": "a", "more_kib": 4_096 }),
            limits(json!({ "artifact_bytes": 1 << 20 })),
            Some("fatal"),
            10_000,
            "TooLarge(1048576)",
        ),
        behaves(
            "artifacts",
            json!({ "do": "artifact", "name": "a", "more": ["b", "c"] }),
            limits(json!({ "artifacts": 2 })),
            Some("fatal"),
            5_000,
            "TooMany(2)",
        ),
        // It may read the secret that it shows; whoever reads its log may not.
        behaves(
            "echoed_secret",
            json!({ "do": "config", "variables": [SECRET] }),
            json!({ "grant": { "variables": [SECRET] } }),
            None,
            5_000,
            "",
        ),
        behaves("xcoms", json!({ "do": "xcom", "push": many_values() }), none(), None, 5_000, "problems"),
        // How it ends.
        behaves("panic", json!({ "do": "panic", "message": "oh no" }), none(), Some("trap"), 5_000, "oh no"),
        behaves("exit_3", json!({ "do": "exit", "code": 3 }), none(), Some("guest_error"), 5_000, ""),
        behaves("no_json", json!({ "do": "raw", "text": "{" }), none(), Some("invalid_output"), 5_000, "JSON"),
        behaves("huge", json!({ "do": "huge", "bytes": 8 << 20 }), none(), Some("invalid_output"), 5_000, "1 MiB"),
        behaves("greedy", json!({ "do": "random", "bytes": 1_u64 << 31 }), none(), Some("trap"), 5_000, ""),
    ];
    // Paths out of the artifacts of a task.
    for (index, name) in PATHS.iter().enumerate() {
        all.push(behaves(
            &format!("path_{index}"),
            json!({ "do": "artifact", "name": name }),
            none(),
            Some("fatal"),
            5_000,
            "InvalidName",
        ));
    }
    // Addresses that are granted by name and lead where nobody may go.
    for (index, host) in HOSTS.iter().enumerate() {
        let url = format!("http://{host}/latest/meta-data");
        let grant = json!({ "grant": { "http": ["http://*"] } });
        all.push(one(
            &format!("inside_{index}"),
            "reach",
            json!({ "do": "http", "url": url }),
            grant,
            None,
            20_000,
            "DestinationIpProhibited",
        ));
    }
    // Those that lead where nobody may go count, too.
    let asks = json!({ "do": "http", "url": "http://127.0.0.1/", "times": 4 });
    let few = json!({ "grant": { "http": ["http://*"] }, "limits": { "http_calls": 3 } });
    all.push(one("asker", "reach", asks, few, None, 20_000, "ConnectionLimitReached"));
    let elsewhere = json!({ "do": "http", "url": "https://example.com/" });
    all.push(one("ungranted", "reach", elsewhere, none(), None, 5_000, "HttpRequestDenied"));
    let files = |steps: Value| json!({ "do": "files", "steps": steps });
    let scratch = || json!({ "grant": { "scratch": "1MiB" } });
    all.push(one("climber", "reach", files(json!([["read", "/../etc/passwd"]])), scratch(), None, 5_000, "PermissionDenied"));
    all.push(one("filler", "reach", files(json!([["fill", "/a", 2 << 20]])), scratch(), None, 5_000, "StorageFull"));
    all
}

/// The name of a secret variable that `echoed_secret` reads and shows in every way that it can.
pub const SECRET: &str = "pin";

/// Hostile tasks that need a server to be hostile with, at `http://{authority}`, where tasks may send requests to: its path `/redirect` leads
/// to a private address, `/endless` never ends, and `/silent` never begins.
#[must_use]
pub fn served(authority: &str) -> Vec<Hostile> {
    let grant = || json!({ "http": [format!("http://{authority}"), "http://169.254.169.254"] });
    let asks =
        |what: &str, path: &str| json!({ "do": what, "url": format!("http://{authority}{path}"), "first_byte_ms": 600_000 });
    let few = json!({ "grant": grant(), "limits": { "http_bytes": 300_000 } });
    let short = json!({ "grant": grant(), "timeout": "1s" });
    vec![
        one(
            "follower",
            "reach",
            asks("follow", "/redirect"),
            json!({ "grant": grant() }),
            None,
            20_000,
            "DestinationIpProhibited",
        ),
        one("drinker", "reach", asks("http", "/endless"), few, None, 20_000, "exceeds limit: 300000 bytes"),
        one("listener", "reach", asks("http", "/silent"), short, Some("timed_out"), 5_000, "limit of 1 s"),
    ]
}

/// The task that breaks each limit, by the limit's name in a dag.
pub const LIMITS: [(&str, &str); 15] = [
    ("fuel", "burner"),
    ("memory", "bomb"),
    ("timeout", "loop_1"),
    ("output", "flood"),
    ("log", "chatter"),
    ("result", "huge"),
    ("table_elements", "tables"),
    ("instances", "instances"),
    ("handles", "hoarder"),
    ("http_calls", "asker"),
    ("http_bytes", "drinker"),
    ("scratch", "filler"),
    ("checkpoint", "saved"),
    ("artifact_bytes", "artifact_bytes"),
    ("artifacts", "artifacts"),
];

/// More values than a task may push.
fn many_values() -> Value {
    Value::Object((0..300).map(|number| (format!("key_{number}"), Value::from(number))).collect())
}

/// Names of artifacts that are paths elsewhere.
const PATHS: [&str; 7] = ["../../etc/passwd", "/etc/passwd", "a/../../b", "a//b", ".", "a/..", "a\\..\\b"];

/// Hosts that are this machine, its neighbours, or where a cloud keeps credentials.
const HOSTS: [&str; 6] = ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "[::ffff:169.254.169.254]", "10.0.0.1"];
