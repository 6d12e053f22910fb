//! A program that reaches for what is around it. Its input says what to do, and its output what came of it.
//!
//! | `do` | fields | what happens |
//! |---|---|---|
//! | `http` | `url`, `method`, `body`, `headers`, `times`, `connect_ms`, `first_byte_ms` | sends that many requests, one after the other; the answers' `status`, `body` and `location`, or their `error` |
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
mod guest {
    use serde_json::{Value, json};
    use std::fs;
    use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
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
            "upload" => ask(&input),
            "files" => json!(input["steps"].as_array().into_iter().flatten().map(step).collect::<Vec<_>>()),
            "senses" => senses(),
            "insist" => panic!("{}", ask(&input)),
            other => panic!("this program cannot {other:?}"),
        };
        println!("{output}");
    }

    /// Text with points for zeros, which a result cannot have.
    fn shown(read: &[u8]) -> Value {
        json!(String::from_utf8_lossy(read).replace('\0', "."))
    }

    fn step(step: &Value) -> Value {
        let text = |at: usize| step[at].as_str().unwrap_or("");
        let number = |at: usize| step[at].as_u64().unwrap_or(0);
        match touch(text(0), text, number) {
            Ok(value) => value,
            Err(error) => json!(kind(&error)),
        }
    }

    /// The kind of an error. The C library makes an I/O error (29) of what a stream refuses, whatever the host said.
    fn kind(error: &io::Error) -> String {
        if error.raw_os_error() == Some(29) { "StorageFull".to_owned() } else { format!("{:?}", error.kind()) }
    }

    fn touch<'a>(what: &str, text: impl Fn(usize) -> &'a str, number: impl Fn(usize) -> u64) -> io::Result<Value> {
        let path = text(1);
        let done = |_: ()| json!("ok");
        match what {
            "write" => fs::write(path, text(2)).map(done),
            "fill" => fs::write(path, vec![b'x'; usize::try_from(number(2)).unwrap_or(0)]).map(done),
            "append" => fs::OpenOptions::new().append(true).open(path)?.write_all(text(2).as_bytes()).map(done),
            "create_new" => fs::OpenOptions::new().write(true).create_new(true).open(path).map(|_| json!("ok")),
            "write_at" => {
                let mut file = fs::OpenOptions::new().write(true).open(path)?;
                file.seek(SeekFrom::Start(number(2)))?;
                file.write_all(text(3).as_bytes()).map(done)
            }
            "read_at" => {
                let mut file = fs::File::open(path)?;
                file.seek(SeekFrom::Start(number(2)))?;
                let mut read = vec![0; usize::try_from(number(3)).unwrap_or(0)];
                file.read_exact(&mut read)?;
                Ok(shown(&read))
            }
            "read" => fs::read(path).map(|read| shown(&read)),
            "set_len" => fs::OpenOptions::new().write(true).open(path)?.set_len(number(2)).map(done),
            "rename" => fs::rename(path, text(2)).map(done),
            "mkdir" => fs::create_dir(path).map(done),
            "mkdirs" => fs::create_dir_all(path).map(done),
            "rmdir" => fs::remove_dir(path).map(done),
            "rm" => fs::remove_file(path).map(done),
            "rm_all" => fs::remove_dir_all(path).map(done),
            "ls" => {
                let mut names = Vec::new();
                for entry in fs::read_dir(path)? {
                    names.push(entry?.file_name().to_string_lossy().into_owned());
                }
                names.sort();
                Ok(json!(names))
            }
            "stat" => {
                let stat = fs::metadata(path)?;
                let seconds = |time: io::Result<SystemTime>| Some(time.ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs());
                Ok(json!({ "dir": stat.is_dir(), "len": stat.len(), "modified": seconds(stat.modified()) }))
            }
            "set_modified" => {
                let times = fs::FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(number(2)));
                fs::OpenOptions::new().write(true).open(path)?.set_times(times).map(done)
            }
            "hard_link" => fs::hard_link(path, text(2)).map(done),
            "symlink" => {
                let root = wasip2::filesystem::preopens::get_directories();
                let linked = root.first().map(|(root, _)| root.symlink_at(path, text(2)));
                Ok(json!(format!("{linked:?}")))
            }
            // Removed while it is open: it can be read until it is closed.
            "rm_open" => {
                let mut file = fs::File::open(path)?;
                fs::remove_file(path)?;
                let mut read = String::new();
                file.read_to_string(&mut read)?;
                Ok(json!(read))
            }
            // Until it does not fit any more.
            "files" => {
                for count in 0..number(2) {
                    if let Err(error) = fs::write(format!("{path}/{count}"), text(3)) {
                        return Ok(json!([count, kind(&error)]));
                    }
                }
                Ok(json!(number(2)))
            }
            other => panic!("there is no operation {other:?}"),
        }
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
