//! A program that reaches for what is around it. Its input says what to do, and its output what came of it.
//!
//! | `do` | fields | what happens |
//! |---|---|---|
//! | `http` | `url`, `method`, `body`, `headers`, `times`, `connect_ms`, `first_byte_ms` | sends that many requests, one after the other; the answers' `status`, `body` and `location`, or their `error` |
//! | `follow` | as `http` | sends a request, and another to where the answer leads |
//! | `insist` | as `http` | panics with the answer |
//! | `upload` | `url`, `bytes` | sends a request with a body of that size |
//! | `files` | `steps`: lists of an operation and its arguments | does each with the files it sees; what came of each |
//! | `senses` | | what it can learn of time and chance |

#[cfg(target_family = "wasm")]
fn main() {
    guest::main();
}

#[cfg(not(target_family = "wasm"))]
fn main() {}

#[cfg(target_family = "wasm")]
mod files;

#[cfg(target_family = "wasm")]
mod guest {
    use serde_json::{Value, json};
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
    use wasip2::http::outgoing_handler;
    use wasip2::http::types::{
        ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    };
    use wasip2::io::streams::StreamError;

    pub fn main() {
        let input: Value = serde_json::from_reader(std::io::stdin()).expect("the input is JSON");
        let output = match input["do"].as_str().unwrap_or("") {
            "http" => {
                let times = input["times"].as_u64().unwrap_or(1);
                let answers: Vec<Value> = (0..times).map(|_| ask(&input)).collect();
                if times == 1 { answers[0].clone() } else { json!(answers) }
            }
            "follow" => {
                let answer = ask(&input);
                let mut next = input.clone();
                next["url"] = answer["location"].clone();
                if next["url"].is_string() { ask(&next) } else { answer }
            }
            "upload" => ask(&input),
            "files" => super::files::steps(&input["steps"]),
            "senses" => senses(),
            "insist" => panic!("{}", ask(&input)),
            other => panic!("this program cannot {other:?}"),
        };
        println!("{output}");
    }

    fn senses() -> Value {
        use std::hash::{BuildHasher as _, RandomState};
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
        let (before, started) = (wall(), Instant::now());
        std::thread::sleep(Duration::from_millis(30));
        // A loop that is ended by a timer measures time too.
        let timer = wasip2::clocks::monotonic_clock::subscribe_duration(3_000_000);
        let mut turns = 0_u64;
        while !timer.ready() {
            turns += 1;
        }
        json!({
            "wall": before, "later": wall(), "slept_ns": started.elapsed().as_nanos().to_string(), "turns": turns,
            "random": wasip2::random::random::get_random_bytes(16), "insecure": wasip2::random::insecure::get_insecure_random_u64(),
            "hash": RandomState::new().hash_one("x"), "env": std::env::vars().collect::<Vec<_>>(),
        })
    }

    fn ask(input: &Value) -> Value {
        match send(input) {
            Ok(answer) => answer,
            Err(error) => json!({ "error": format!("{error:?}") }),
        }
    }

    /// Takes `scheme://authority/path` apart, whatever the authority is: it is the host's task to refuse.
    fn send(input: &Value) -> Result<Value, ErrorCode> {
        let url = input["url"].as_str().unwrap_or("");
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let headers = Fields::new();
        for (name, value) in input["headers"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or("").as_bytes();
            headers.append(name, value).map_err(|error| ErrorCode::InternalError(Some(format!("{error:?}"))))?;
        }
        let request = OutgoingRequest::new(headers);
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        let invalid = |()| ErrorCode::HttpRequestUriInvalid;
        request.set_scheme(Some(&scheme)).map_err(invalid)?;
        request.set_authority(Some(authority)).map_err(invalid)?;
        request.set_path_with_query(Some(path)).map_err(invalid)?;
        let bytes = input["bytes"].as_u64();
        let method = match input["method"].as_str().unwrap_or(if bytes.is_some() { "POST" } else { "GET" }) {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "CONNECT" => Method::Connect,
            other => Method::Other(other.to_owned()),
        };
        request.set_method(&method).map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
        let body = request.body().map_err(|()| ErrorCode::HttpProtocolError)?;

        let options = RequestOptions::new();
        let ms = |field: &str| input[field].as_u64().map(|ms| ms * 1_000_000);
        let _ = options.set_connect_timeout(ms("connect_ms"));
        let _ = options.set_first_byte_timeout(ms("first_byte_ms"));
        let _ = options.set_between_bytes_timeout(ms("first_byte_ms"));
        let answer = outgoing_handler::handle(request, Some(options))?;
        let content = bytes.map_or_else(
            || input["body"].as_str().unwrap_or("").as_bytes().to_vec(),
            |bytes| vec![b'x'; usize::try_from(bytes).unwrap_or(0)],
        );
        let mut stopped = None;
        if let Ok(stream) = body.write() {
            for part in content.chunks(4096) {
                if let Err(error) = stream.blocking_write_and_flush(part) {
                    stopped = Some(format!("{error:?}"));
                    break;
                }
            }
        }
        // What went wrong is told by the answer.
        if stopped.is_none() {
            let _ = OutgoingBody::finish(body, None);
        }
        let waiting = answer.subscribe();
        loop {
            waiting.block();
            if let Some(ready) = answer.get() {
                return ready.map_err(|()| ErrorCode::HttpProtocolError)?.map(|response| read(&response));
            }
        }
    }

    fn read(response: &IncomingResponse) -> Value {
        let header = |name: &str| {
            let values = response.headers().get(name);
            values.first().map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let (status, location) = (response.status(), header("location"));
        let body = response.consume().expect("a response has a body");
        let stream = body.stream().expect("a body has a stream");
        let mut read = Vec::new();
        let error = loop {
            match stream.blocking_read(64 << 10) {
                Ok(bytes) => read.extend(bytes),
                Err(StreamError::Closed) => break None,
                Err(StreamError::LastOperationFailed(error)) => {
                    let code = wasip2::http::types::http_error_code(&error);
                    break Some(code.map_or_else(|| error.to_debug_string(), |code| format!("{code:?}")));
                }
            }
        };
        let body = if read.len() > 4096 { json!(read.len()) } else { json!(String::from_utf8_lossy(&read)) };
        json!({ "status": status, "location": location, "body": body, "error": error })
    }
}
