//! A task that behaves as its input says: `{"do": "fibo", "n": 10}`. With `say`, it prints that first.
//!
//! | `do` | fields | what happens |
//! |---|---|---|
//! | `echo` | `value` | returns it |
//! | `fibo` | `n` | returns the Fibonacci number, computed the slow way |
//! | `sleep` | `ms` | waits for the clock, parked in the host |
//! | `context` | | returns its context |
//! | `xcom` | `push`: object, `pull`: list of [task, key] | pushes, pulls, returns what it pulled or the errors |
//! | `log` | `count` | logs on every level, and `count` times more |
//! | `progress` | `steps`, `ms` | reports progress, with so long between two steps |
//! | `print` | `stdout`, `stderr` | prints both |
//! | `flood` | `bytes` | prints that many bytes in lines |
//! | `loop` | | never ends |
//! | `memory` | `mib` | holds that much memory |
//! | `try_memory` | `mib` | asks for it, and returns an error of its own when refused |
//! | `recurse` | | calls itself without end |
//! | `panic`, `exit` | `message`, `code` | does that |
//! | `file`, `socket`, `dns`, `listen` | `path`, `address` | tries to, and returns what the system said |
//! | `retryable`, `fatal`, `skip` | `message` | returns that error |
//! | `reschedule`, `defer` | `ms`, `event` | asks for that |
//! | `raw` | `text` | returns the text as it is, JSON or not |
//! | `huge` | `bytes` | returns a string of that size |
//! | `hoard` | `count` | takes that many handles |
//! | `random` | `bytes` | asks for that many random bytes at once |
//! | `env` | | returns its environment variables and arguments |
//! | `config` | `variables`, `connections`: lists of names | reads them, prints and returns what it got or the errors |
//! | `checkpoint` | `save`, `clear`, then `say` | loads, then saves a text or clears; returns what it loaded |
//! | `artifact` | `name`, `type`, `pieces`: list of texts, `more`: list of names, `read`: [task, name] | writes, reads, lists; returns what came of it |
//! | `twice` | `first`, `then`: inputs like this one | does the first when there is no checkpoint, and saves one before; else the other |
//! | `echo_later` | `ms` | as `sleep`, but only when there is no checkpoint: saves one first, and returns it at the next try |

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "bindings are generated")]
mod guest {
    wit_bindgen::generate!({ path: "../../wit/task/0.1.1", world: "task" });

    use cofferdam::task::types::DeferRequest;
    use cofferdam::task::{artifacts, checkpoint, config, context, log, progress, xcom};
    use serde_json::{Value, json};
    use std::hint::black_box;

    struct Behaviours;

    impl Guest for Behaviours {
        fn run(input: String) -> Result<String, TaskError> {
            let input: Value = serde_json::from_str(&input).map_err(|error| TaskError::Fatal(error.to_string()))?;
            if let Some(words) = input["say"].as_str() {
                println!("{words}");
            }
            if input["do"] == "raw" {
                return Ok(text(&input, "text").to_owned());
            }
            behave(&input).map(|value| value.to_string())
        }
    }

    export!(Behaviours);

    fn number(input: &Value, field: &str) -> u64 {
        input[field].as_u64().unwrap_or(0)
    }

    fn text<'a>(input: &'a Value, field: &str) -> &'a str {
        input[field].as_str().unwrap_or("")
    }

    fn behave(input: &Value) -> Result<Value, TaskError> {
        match text(input, "do") {
            "echo" => Ok(input["value"].clone()),
            "fibo" => Ok(json!(fibo(number(input, "n")))),
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_millis(number(input, "ms")));
                Ok(json!("slept"))
            }
            "context" => {
                let context = context::get();
                Ok(json!({
                    "dag_id": context.dag_id, "dag_run_id": context.dag_run_id, "task_id": context.task_id,
                    "map_index": context.map_index, "try_number": context.try_number, "max_tries": context.max_tries,
                    "logical_date": context.logical_date, "data_interval_start": context.data_interval_start,
                    "data_interval_end": context.data_interval_end, "conf": serde_json::from_str::<Value>(&context.conf).ok(),
                    "idempotency_key": context.idempotency_key, "deadline": context::deadline(),
                }))
            }
            "xcom" => Ok(xcoms(input)),
            "config" => Ok(configured(input)),
            "checkpoint" => {
                let fatal = |error: checkpoint::CheckpointError| TaskError::Fatal(format!("{error:?}"));
                let loaded = checkpoint::load().map_err(fatal)?;
                if let Some(data) = input["save"].as_str() {
                    checkpoint::save(data.as_bytes()).map_err(fatal)?;
                }
                if input["clear"] == true {
                    checkpoint::clear().map_err(fatal)?;
                }
                Ok(json!(loaded.map(|data| String::from_utf8_lossy(&data).into_owned())))
            }
            "twice" => {
                let fatal = |error: checkpoint::CheckpointError| TaskError::Fatal(format!("{error:?}"));
                if checkpoint::load().map_err(fatal)?.is_some() {
                    return behave(&input["then"]);
                }
                checkpoint::save(b"been here").map_err(fatal)?;
                behave(&input["first"])
            }
            "echo_later" => {
                let fatal = |error: checkpoint::CheckpointError| TaskError::Fatal(format!("{error:?}"));
                if let Some(data) = checkpoint::load().map_err(fatal)? {
                    return Ok(json!(String::from_utf8_lossy(&data)));
                }
                let kept = format!("kept by try {}", context::get().try_number);
                checkpoint::save(kept.as_bytes()).map_err(fatal)?;
                progress::report(0.5, "saved");
                std::thread::sleep(std::time::Duration::from_millis(number(input, "ms")));
                Ok(json!("never killed"))
            }
            "artifact" => artifact(input).map_err(|error| TaskError::Fatal(format!("{error:?}"))),
            "log" => {
                let levels = [log::Level::Trace, log::Level::Debug, log::Level::Info, log::Level::Warn, log::Level::Error];
                for (number, level) in levels.into_iter().enumerate() {
                    log::write(level, &format!("message {number}"), &[("number".to_owned(), number.to_string())]);
                }
                for number in 0..number(input, "count") {
                    log::write(log::Level::Info, &format!("more {number}"), &[]);
                }
                Ok(Value::Null)
            }
            "progress" => {
                let (steps, ms) = (number(input, "steps"), number(input, "ms"));
                for step in 0..=steps {
                    if step > 0 && ms > 0 {
                        std::thread::sleep(std::time::Duration::from_millis(ms));
                    }
                    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                    progress::report(step as f64 / steps as f64, &format!("step {step}"));
                }
                Ok(Value::Null)
            }
            "print" => {
                println!("{}", text(input, "stdout"));
                eprintln!("{}", text(input, "stderr"));
                Ok(Value::Null)
            }
            "flood" => {
                let line = "x".repeat(4095);
                for _ in 0..number(input, "bytes") / 4096 {
                    println!("{line}");
                }
                Ok(json!("all printed"))
            }
            "loop" => loop {
                black_box(0);
            },
            "memory" => {
                let mut held = Vec::new();
                for _ in 0..number(input, "mib") {
                    held.push(vec![1_u8; 1 << 20]);
                }
                Ok(json!(held.len()))
            }
            "try_memory" => {
                let mut bytes = Vec::<u8>::new();
                let wanted = usize::try_from(number(input, "mib") << 20).unwrap_or(usize::MAX);
                match bytes.try_reserve_exact(wanted) {
                    Ok(()) => Ok(json!(bytes.capacity())),
                    Err(_) => Err(TaskError::Retryable("could not get the memory".to_owned())),
                }
            }
            "recurse" => Ok(json!(recurse(0))),
            "panic" => panic!("{}", text(input, "message")),
            "exit" => std::process::exit(i32::try_from(number(input, "code")).unwrap_or(1)),
            "file" => said(std::fs::read_to_string(text(input, "path"))),
            "socket" | "dns" => said(std::net::TcpStream::connect(text(input, "address")).map(|_| "connected".to_owned())),
            "listen" => said(std::net::TcpListener::bind(text(input, "address")).map(|_| "bound".to_owned())),
            "retryable" => Err(TaskError::Retryable(text(input, "message").to_owned())),
            "fatal" => Err(TaskError::Fatal(text(input, "message").to_owned())),
            "skip" => Err(TaskError::Skip(text(input, "message").to_owned())),
            "reschedule" => Err(TaskError::Reschedule(number(input, "ms"))),
            "defer" => {
                let event = text(input, "event").to_owned();
                Err(TaskError::Defer(DeferRequest { event, timeout_ms: number(input, "ms") }))
            }
            "huge" => Ok(json!("x".repeat(usize::try_from(number(input, "bytes")).unwrap_or(0)))),
            "hoard" => {
                let mut held = Vec::new();
                for _ in 0..number(input, "count") {
                    held.push(wasip2::clocks::monotonic_clock::subscribe_duration(1));
                }
                Ok(json!(held.len()))
            }
            "random" => Ok(json!(wasip2::random::random::get_random_bytes(number(input, "bytes")).len())),
            "env" => {
                let vars: Vec<_> = std::env::vars().collect();
                let args: Vec<_> = std::env::args().collect();
                Ok(json!({ "vars": vars, "args": args }))
            }
            other => Err(TaskError::Fatal(format!("this guest cannot {other:?}"))),
        }
    }

    fn fibo(n: u64) -> u64 {
        if n < 2 { n } else { fibo(black_box(n - 1)) + fibo(black_box(n - 2)) }
    }

    #[expect(unconditional_recursion, reason = "that is the point")]
    fn recurse(depth: u64) -> u64 {
        let frame = black_box([depth; 64]);
        recurse(black_box(depth + 1)) + frame[3]
    }

    fn said(result: std::io::Result<String>) -> Result<Value, TaskError> {
        Ok(match result {
            Ok(what) => json!({ "ok": what }),
            Err(error) => json!({ "err": error.to_string(), "kind": format!("{:?}", error.kind()) }),
        })
    }

    fn names<'a>(input: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
        input[field].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    fn configured(input: &Value) -> Value {
        let mut got = Vec::new();
        for key in names(input, "variables") {
            got.push(match config::get_variable(key) {
                Ok(value) => json!(value),
                Err(error) => json!({ "err": format!("{error:?}") }),
            });
        }
        for id in names(input, "connections") {
            got.push(match config::get_connection(id) {
                Ok(found) => json!(found.map(|found| json!({
                    "conn_type": found.conn_type, "host": found.host, "port": found.port, "login": found.login,
                    "password": found.password, "schema": found.schema, "extra": found.extra,
                }))),
                Err(error) => json!({ "err": format!("{error:?}") }),
            });
        }
        let got = json!(got);
        println!("got {got}");
        eprintln!("got {got}");
        log::write(log::Level::Info, "got it", &[("got".to_owned(), got.to_string())]);
        got
    }

    fn artifact(input: &Value) -> Result<Value, artifacts::ArtifactError> {
        let mut came = json!({});
        if let Some(name) = input["name"].as_str() {
            let writer = artifacts::create(name, text(input, "type"))?;
            for piece in names(input, "pieces") {
                writer.write(piece.as_bytes())?;
            }
            let repeated = vec![b'x'; 64 << 10];
            for _ in 0..number(input, "more_kib") / 64 {
                writer.write(&repeated)?;
            }
            let written = writer.finish()?;
            came["written"] = json!({ "name": written.name, "size": written.size, "sha256": written.sha256 });
        }
        for name in names(input, "more") {
            artifacts::create(name, "")?.finish()?;
        }
        if let (Some(task), Some(name)) = (input["read"][0].as_str(), input["read"][1].as_str()) {
            came["listed"] = json!(artifacts::list_of(task, None)?.into_iter().map(|one| one.name).collect::<Vec<_>>());
            came["read"] = match artifacts::open(task, name, None)? {
                None => Value::Null,
                Some(reader) => {
                    let (mut bytes, mut start) = (0, String::new());
                    loop {
                        let data = reader.read(100_000)?;
                        if data.is_empty() {
                            break;
                        }
                        if bytes == 0 {
                            start = String::from_utf8_lossy(&data[..data.len().min(40)]).into_owned();
                        }
                        bytes += data.len();
                    }
                    json!({ "bytes": bytes, "start": start, "type": reader.about().content_type })
                }
            };
        }
        Ok(came)
    }

    fn xcoms(input: &Value) -> Value {
        let mut problems = Vec::new();
        for (key, value) in input["push"].as_object().into_iter().flatten() {
            if let Err(error) = xcom::push(key, &value.to_string()) {
                problems.push(format!("{error:?}"));
            }
        }
        let mut pulled = Vec::new();
        for wanted in input["pull"].as_array().into_iter().flatten() {
            match xcom::pull(wanted[0].as_str().unwrap_or(""), wanted[1].as_str().unwrap_or(""), None) {
                Ok(Some(value)) => pulled.push(serde_json::from_str(&value).unwrap_or(Value::Null)),
                Ok(None) => pulled.push(Value::Null),
                Err(error) => problems.push(format!("{error:?}")),
            }
        }
        json!({ "pulled": pulled, "problems": problems })
    }
}
