//! Requests to other servers: where they may go, how many, how large, how long.

use crate::lab::{failure, output, program, request, runtime};
use cofferdam_domain::connection::Connection;
use cofferdam_domain::ending::Reason;
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{ConnectionId, TaskId, XComKey};
use cofferdam_sandbox::{Host, HostError, LogLine, Stream, TryReport};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A host that knows names of its own. Each time a name is asked for, its next addresses are told, and the last for ever.
#[derive(Default)]
struct Names {
    lines: Mutex<Vec<LogLine>>,
    names: HashMap<&'static str, Vec<Vec<&'static str>>>,
    asked: AtomicUsize,
    connections: HashMap<&'static str, Connection>,
}

#[async_trait::async_trait]
impl Host for Names {
    async fn xcom_pull(&self, _: &TaskId, _: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        Ok(None)
    }
    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line);
    }
    fn progress(&self, _: f64, _: &str) {}
    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        Ok(self.connections.get(id.as_str()).cloned())
    }
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let answers = self.names.get(name).ok_or_else(|| io::Error::other("no such name"))?;
        let time = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = answers.get(time).or(answers.last()).unwrap();
        Ok(answer.iter().map(|address| address.parse().unwrap()).collect())
    }
}

impl Names {
    fn of(names: impl IntoIterator<Item = (&'static str, Vec<Vec<&'static str>>)>) -> Arc<Self> {
        Arc::new(Self { names: names.into_iter().collect(), ..Self::default() })
    }

    fn told(&self) -> String {
        let lines = self.lines.lock().unwrap();
        let told = lines.iter().filter(|line| line.stream == Stream::Log).map(|line| line.message.as_str());
        told.collect::<Vec<_>>().join("\n")
    }
}

/// A server that answers as the path says, and keeps the heads of what it was asked.
struct Server {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&kept)));
            }
        });
        Self { port, heads }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    heads.lock().unwrap().push(head);
    let plain = |status: &str, body: &str| format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    match path.as_str() {
        "/silent" => std::future::pending().await,
        "/stalls" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await?;
            std::future::pending().await
        }
        "/breaks" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await,
        "/nonsense" => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await,
        "/redirect" => {
            stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n").await
        }
        "/large" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await?;
            stream.write_all(&vec![b'x'; 1_000_000]).await
        }
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 4096]).await?;
            }
        }
        "/heads" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(b"x-more: and more and more\r\n").await?;
            }
        }
        "/swallow" => loop {
            if stream.read(&mut [0; 4096]).await? == 0 {
                return Ok(());
            }
        },
        _ => stream.write_all(plain("200 OK", "hello").as_bytes()).await,
    }
}

/// What a try may, and what stands around it.
#[derive(Clone)]
struct Setting {
    grant: Value,
    private: &'static [&'static str],
    limits: Limits,
    host: Arc<Names>,
}

impl Setting {
    /// Every host is granted, on the server's port and on that of plain HTTP, and the worker itself may be reached.
    fn open(server: &Server) -> Self {
        Self {
            grant: json!({ "http": [{ "host": "*", "scheme": "http", "port": server.port }, "http://*"] }),
            private: &["127.0.0.0/8"],
            limits: Limits::default(),
            host: Arc::default(),
        }
    }

    fn granting(server: &Server, rules: Value) -> Self {
        let text = rules.to_string().replace("PORT", &server.port.to_string());
        Self { grant: json!({ "http": serde_json::from_str::<Value>(&text).unwrap() }), ..Self::open(server) }
    }

    async fn run(&self, input: Value) -> TryReport {
        let entry = Entry::Command { args: vec![], env: vec![] };
        let mut request = request(entry, input.to_string(), self.limits.clone());
        request.grant = serde_json::from_value::<Grant>(self.grant.clone()).unwrap();
        request.private_targets = self.private.iter().map(|target| target.parse().unwrap()).collect();
        let host = Arc::clone(&self.host) as Arc<dyn Host>;
        runtime().run(&program("reach"), request, host, CancellationToken::new()).await
    }

    async fn get(&self, url: &str) -> Value {
        output(&self.run(json!({ "do": "http", "url": url })).await)
    }
}

#[tokio::test]
async fn a_granted_request_is_sent_and_counted() {
    let server = Server::start().await;
    let setting = Setting::granting(&server, json!(["GET http://127.0.0.1:PORT"]));
    let input = json!({ "do": "http", "url": server.url("/ok?x=1"), "headers": { "x-of": "mine" } });
    let report = setting.run(input).await;
    assert_eq!(output(&report), json!({ "status": 200, "location": null, "body": "hello", "error": null }));
    let heads = server.asked();
    assert!(heads[0].starts_with("GET /ok?x=1 HTTP/1.1\r\n") && heads[0].contains("x-of: mine\r\n"), "{}", heads[0]);
    assert!(heads[0].contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{}", heads[0]);
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    assert_eq!((report.receipt.http_calls, report.receipt.http_bytes), (1, (heads[0].len() + answer.len()) as u64));
    assert_eq!(setting.host.told(), "");
}

#[tokio::test]
async fn what_the_grant_does_not_name_is_refused_and_said() {
    let server = Server::start().await;
    let url = server.url("/ok");
    let told = |setting: &Setting| setting.host.told().replace(&server.port.to_string(), "PORT");
    for (rules, refusal) in [
        (json!([]), "add \"http://127.0.0.1:PORT\" to `grant.http`"),
        (json!(["http://127.0.0.1"]), "add \"http://127.0.0.1:PORT\" to `grant.http`"),
        (json!(["https://127.0.0.1:PORT"]), "add \"http://127.0.0.1:PORT\" to `grant.http`"),
        (json!(["http://127.0.0.2:PORT", "http://*.example:PORT"]), "add \"http://127.0.0.1:PORT\" to `grant.http`"),
        (json!(["POST,PUT http://127.0.0.1:PORT"]), "add \"GET\" to the methods of that host"),
    ] {
        let setting = Setting::granting(&server, rules.clone());
        assert_eq!(setting.get(&url).await, json!({ "error": "ErrorCode::HttpRequestDenied" }), "{rules}");
        assert!(told(&setting).contains(refusal), "{rules}: {}", told(&setting));
    }
    let setting = Setting::open(&server);
    let port = server.port;
    for odd in [format!("http://user@127.0.0.1:{port}/"), "http://127.0.0.1:0/".to_owned(), "http://127.0.0.1:99999/".to_owned()]
    {
        let answer = setting.get(&odd).await;
        assert_eq!(answer, json!({ "error": "ErrorCode::HttpRequestUriInvalid" }), "{odd}");
    }
    let connect = output(&setting.run(json!({ "do": "http", "url": url, "method": "CONNECT" })).await);
    assert_eq!(connect, json!({ "error": "ErrorCode::HttpRequestMethodInvalid" }));
    // Headers with which a server could be told another host, or another length, are not the guest's to set.
    let forged = output(&setting.run(json!({ "do": "http", "url": url, "headers": { "Host": "other.example" } })).await);
    assert!(forged["error"].as_str().unwrap().contains("Forbidden"), "{forged}");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_are_told_twenty_times() {
    let server = Server::start().await;
    let setting = Setting { grant: json!({}), ..Setting::open(&server) };
    let url = server.url("/");
    for (times, told) in [(19, 19), (30, 20)] {
        let setting = Setting { host: Arc::default(), ..setting.clone() };
        setting.run(json!({ "do": "http", "url": url, "times": times })).await;
        let said = setting.host.told();
        assert_eq!((said.lines().count(), said.ends_with("(this is not told again)")), (told, times > told), "{said}");
    }
}

#[tokio::test]
async fn a_failed_task_is_told_what_was_refused_before() {
    let server = Server::start().await;
    let setting = Setting { grant: json!({}), ..Setting::open(&server) };
    let report = setting.run(json!({ "do": "insist", "url": "https://api.example.com/" })).await;
    let message = failure(&report, Reason::Trap);
    assert!(message.contains("before that, requests to https://api.example.com are not granted"), "{message}");
}

#[tokio::test]
async fn private_addresses_are_refused_unless_an_administrator_allows_them() {
    let server = Server::start().await;
    let names = || {
        Names::of([
            ("inside.example", vec![vec!["127.0.0.1"]]),
            ("metadata.example", vec![vec!["169.254.169.254"]]),
            ("mapped.example", vec![vec!["::ffff:10.0.0.1"]]),
            ("2130706433", vec![vec!["127.0.0.1"]]),
        ])
    };
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.7",
        "inside.example",
        "metadata.example",
        "mapped.example",
        "2130706433",
    ] {
        let setting = Setting { private: &[], host: names(), ..Setting::open(&server) };
        let answer = setting.get(&format!("http://{host}:{}/", server.port)).await;
        assert_eq!(answer, json!({ "error": "ErrorCode::DestinationIpProhibited" }), "{host}");
        assert!(setting.host.told().contains("an administrator can allow it with `worker.egress_private`"), "{host}");
    }
    // By its name, and only for it.
    let setting = Setting { private: &["inside.example"], host: names(), ..Setting::open(&server) };
    assert_eq!(setting.get(&format!("http://inside.example:{}/", server.port)).await["status"], json!(200));
    let answer = setting.get(&server.url("/")).await;
    assert_eq!(answer, json!({ "error": "ErrorCode::DestinationIpProhibited" }));
    // What an administrator allows still has to be granted.
    let setting = Setting { grant: json!({}), host: names(), ..Setting::open(&server) };
    assert_eq!(setting.get(&server.url("/")).await, json!({ "error": "ErrorCode::HttpRequestDenied" }));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_checked_again() {
    let server = Server::start().await;
    let setting = Setting::open(&server);
    let answer = setting.get(&server.url("/redirect")).await;
    assert_eq!((&answer["status"], &answer["location"]), (&json!(302), &json!("http://169.254.169.254/")));
    let followed = setting.get(answer["location"].as_str().unwrap()).await;
    assert_eq!(followed, json!({ "error": "ErrorCode::DestinationIpProhibited" }));
}

/// A name that is public when it is checked and private a moment later: it is asked for once, and that address is used.
#[tokio::test]
async fn a_name_that_changes_its_address_gains_nothing() {
    let server = Server::start().await;
    let url = format!("http://rebind.example:{}/", server.port);
    // The first answer is not of the public internet, but allowed; the second would be refused. One request, one answer.
    let host = Names::of([("rebind.example", vec![vec!["127.0.0.1"], vec!["10.0.0.1"]])]);
    let setting = Setting { private: &["127.0.0.1"], host, ..Setting::open(&server) };
    assert_eq!(setting.get(&url).await["status"], json!(200));
    assert_eq!(setting.host.asked.load(Ordering::Relaxed), 1);
    // The next request asks again, and is checked again.
    assert_eq!(setting.get(&url).await, json!({ "error": "ErrorCode::DestinationIpProhibited" }));
    assert_eq!(setting.host.asked.load(Ordering::Relaxed), 2);
    // Of several addresses, only those that may be reached are tried.
    let host = Names::of([("rebind.example", vec![vec!["10.0.0.1", "169.254.169.254", "127.0.0.1"]])]);
    let setting = Setting { private: &["127.0.0.1"], host, ..Setting::open(&server) };
    assert_eq!(setting.get(&url).await["status"], json!(200));
    // A name that leads nowhere, and one that nobody knows.
    let setting = Setting { host: Names::of([("empty.example", vec![vec![]])]), ..Setting::open(&server) };
    for name in ["empty.example", "unknown.example"] {
        let answer = setting.get(&format!("http://{name}/")).await;
        assert!(answer["error"].as_str().unwrap().starts_with("ErrorCode::DnsError"), "{answer}");
    }
}

#[tokio::test]
async fn secrets_are_put_in_on_the_way_out_and_never_seen_by_the_guest() {
    let server = Server::start().await;
    let warehouse = Connection {
        connection_id: ConnectionId::new("warehouse").unwrap(),
        conn_type: "http".to_owned(),
        host: Some("127.0.0.1".to_owned()),
        port: Some(server.port),
        login: Some("ann".to_owned()),
        password: Some("hunter22&".to_owned()),
        schema: None,
        extra: None,
    };
    let host = || Arc::new(Names { connections: HashMap::from([("warehouse", warehouse.clone())]), ..Names::default() });
    let input = json!({
        "do": "http", "url": server.url("/ok?key=%3C%3Cconnection:warehouse:password%3E%3E&n=1"),
        "headers": { "authorization": "Basic <<connection:warehouse:basic>>" },
    });
    let open = Setting::open(&server);
    let grant = json!({ "http": open.grant["http"], "connections": ["warehouse"] });
    let setting = Setting { grant, host: host(), ..Setting::open(&server) };
    assert_eq!(output(&setting.run(input.clone()).await)["status"], json!(200));
    let head = server.asked().remove(0);
    assert!(head.starts_with("GET /ok?key=hunter22%26&n=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Basic YW5uOmh1bnRlcjIyJg==\r\n"), "{head}");

    // Without the grant, and to another host, nothing is sent.
    let setting = Setting { host: host(), ..open };
    assert_eq!(output(&setting.run(input.clone()).await), json!({ "error": "ErrorCode::HttpRequestDenied" }));
    assert!(setting.host.told().contains("add it to `grant.connections`"), "{}", setting.host.told());
    let elsewhere = json!({
        "do": "http", "url": format!("http://localhost:{}/", server.port),
        "headers": { "authorization": "<<connection:warehouse:password>>" },
    });
    let grant = json!({ "http": setting.grant["http"], "connections": ["*"] });
    let setting = Setting { grant, host: host(), ..Setting::open(&server) };
    assert_eq!(output(&setting.run(elsewhere).await), json!({ "error": "ErrorCode::HttpRequestDenied" }));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn http_calls() {
    let server = Server::start().await;
    let setting = Setting { limits: Limits { http_calls: 3, ..Limits::default() }, ..Setting::open(&server) };
    let report = setting.run(json!({ "do": "http", "url": server.url("/ok"), "times": 3 })).await;
    assert!(output(&report).as_array().unwrap().iter().all(|answer| answer["status"] == 200));
    let report = setting.run(json!({ "do": "http", "url": server.url("/ok"), "times": 5 })).await;
    let answers = output(&report);
    assert_eq!(answers[2]["status"], json!(200));
    assert_eq!(answers[3], json!({ "error": "ErrorCode::ConnectionLimitReached" }));
    assert_eq!((report.receipt.http_calls, server.asked().len()), (3, 6));
    assert!(setting.host.told().contains("raise `limits.http_calls`"));
}

#[tokio::test]
async fn http_bytes() {
    let server = Server::start().await;
    let setting = Setting { limits: Limits { http_bytes: 1_001_000, ..Limits::default() }, ..Setting::open(&server) };
    let answer = setting.get(&server.url("/large")).await;
    assert_eq!((&answer["body"], &answer["error"]), (&json!(1_000_000), &json!(null)));
    assert_eq!(setting.host.told(), "");
    // More than is allowed: in one answer, in many, in a head, in a request.
    let setting = Setting { limits: Limits { http_bytes: 300_000, ..Limits::default() }, ..Setting::open(&server) };
    for path in ["/large", "/endless"] {
        let report = setting.run(json!({ "do": "http", "url": server.url(path) })).await;
        let answer = output(&report);
        assert_eq!(answer["error"], json!("HTTP response body size exceeds limit: 300000 bytes"), "{path}");
        assert!(
            answer["body"].as_u64().unwrap() < 300_000 && report.receipt.http_bytes < 300_000 + (1 << 20),
            "{path}: {answer}"
        );
    }
    let report = setting.run(json!({ "do": "upload", "url": server.url("/swallow"), "bytes": 1_000_000 })).await;
    assert_eq!(output(&report), json!({ "error": "ErrorCode::HttpRequestBodySize(Some(300000))" }));
    assert!(setting.host.told().contains("raise `limits.http_bytes`"));
    let heads = setting.get(&server.url("/heads")).await;
    assert!(heads["error"].is_string(), "{heads}");
}

#[tokio::test]
async fn a_slow_or_broken_server_costs_no_more_than_its_time() {
    let server = Server::start().await;
    let setting = Setting::open(&server);
    let ask = async |path: &str| {
        let input = json!({ "do": "http", "url": server.url(path), "first_byte_ms": 150 });
        output(&setting.run(input).await)
    };
    assert_eq!(ask("/silent").await, json!({ "error": "ErrorCode::ConnectionReadTimeout" }));
    let stalled = ask("/stalls").await;
    assert_eq!((&stalled["body"], &stalled["error"]), (&json!("part"), &json!("connection read timeout")));
    let broken = ask("/breaks").await;
    assert_eq!((&broken["body"], &broken["error"]), (&json!("part"), &json!("incomplete HTTP response")));
    assert_eq!(ask("/nonsense").await, json!({ "error": "ErrorCode::HttpProtocolError" }));
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let setting = Setting { grant: json!({ "http": [format!("http://{gone}")] }), ..setting };
    assert_eq!(setting.get(&format!("http://{gone}/")).await, json!({ "error": "ErrorCode::ConnectionRefused" }));
    // Whatever the guest asks for, the try's own time ends it.
    let setting = Setting { limits: Limits { wall_ms: 400, ..Limits::default() }, ..Setting::open(&server) };
    let report = setting.run(json!({ "do": "http", "url": server.url("/silent"), "first_byte_ms": 600_000 })).await;
    let ended = match &report.ending {
        cofferdam_domain::ending::Ending::Success { output } => output.contains("ConnectionReadTimeout"),
        _ => failure(&report, Reason::TimedOut).contains("400 ms"),
    };
    assert!(ended && report.receipt.wall_us < 2_000_000, "{report:?}");
}

/// A server without TLS, and one whose certificate nobody vouches for, get nothing.
#[tokio::test]
async fn https_needs_a_server_that_can_be_trusted() {
    let server = Server::start().await;
    let setting = Setting { grant: json!({ "http": [{ "host": "*", "port": server.port }] }), ..Setting::open(&server) };
    let url = format!("https://127.0.0.1:{}/", server.port);
    let answer = output(&setting.run(json!({ "do": "http", "url": url, "connect_ms": 150 })).await);
    assert_eq!(answer, json!({ "error": "ErrorCode::ConnectionTimeout" }));
    assert_eq!(server.asked(), Vec::<String>::new());
}
