//! What a hostile process says and asks.

use super::super::frame::{Decoder, Frame, Link, encode};
use super::super::protocol::{Answer, Done, Fault, Finished, Head, Part, Question, Report};
use super::attend::Attended;
use super::process::{Shared, hear};
use crate::capabilities::tests::{Recorder, request};
use crate::host::{HostError, Level, Stream};
use crate::run::TryRequest;
use bytes::Bytes;
use cofferdam_domain::ending::{Ending, Reason, Receipt};
use cofferdam_domain::grant::Grant;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{ArtifactName, VariableKey, XComKey};
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};

fn link() -> Arc<Link> {
    Arc::new(Link::new(UnixStream::pair().unwrap().0))
}

fn attended(limits: Limits, grant: Grant, host: &Arc<Recorder>) -> Arc<Attended> {
    let request = TryRequest { grant, private_targets: vec!["127.0.0.0/8".parse().unwrap()], ..(*request(limits)).clone() };
    Attended::new(request, host.clone(), &link()).0
}

fn usual() -> Arc<Attended> {
    attended(Limits::default(), Grant::default(), &Arc::default())
}

fn done(ending: Ending) -> Done {
    Done {
        ending,
        output_bytes: 0,
        receipt: Receipt::default(),
        xcoms: Vec::new(),
        artifacts: Vec::new(),
        dropped_output_bytes: 0,
        dropped_log_bytes: 0,
    }
}

fn success() -> Ending {
    Ending::Success { output: String::new() }
}

fn frame(try_id: u64, message: &impl serde::Serialize) -> Frame {
    let mut decoder = Decoder::default();
    decoder.feed(&encode(try_id, 1, message, &[]).unwrap());
    decoder.next(1 << 20).unwrap().unwrap()
}

#[tokio::test]
async fn it_speaks_of_the_tries_that_it_was_given() {
    let shared = Arc::new(Shared::new(link()));
    let host = Arc::new(Recorder::default());
    let given = attended(Limits::default(), Grant::default(), &host);
    let line = Report::Line { stream: Stream::Stdout, level: Level::Info, fields: Vec::new() };
    for try_id in [0, 1, 2] {
        assert!(hear(&shared, &frame(try_id, &line)).is_err(), "{try_id}");
    }
    let entered = Shared::enter(&shared, &given).unwrap();
    assert_eq!(entered.id(), 1);
    hear(&shared, &frame(1, &line)).unwrap();
    assert_eq!(host.lines.lock().len(), 1);
    assert!(hear(&shared, &frame(2, &line)).is_err(), "this one is not given yet");
    assert!(hear(&shared, &frame(1, &Report::Ready { capacity: 9, walls: Vec::new() })).is_err());
    assert!(hear(&shared, &frame(1, &"nonsense")).is_err());
    // It may still speak of what was stopped, and nobody listens.
    drop(entered);
    hear(&shared, &frame(1, &line)).unwrap();
    assert_eq!(host.lines.lock().len(), 1);
}

#[tokio::test]
async fn it_gets_what_is_granted_within_the_limits() {
    let secret = || Question::Variable { key: VariableKey::new("pin").unwrap() };
    let refused = usual().answer(secret(), Bytes::new()).await.unwrap_err();
    assert!(matches!(refused, HostError::Denied(why) if why.contains("grant.variables")));
    let grant: Grant = serde_json::from_value(serde_json::json!({ "variables": ["pin"] })).unwrap();
    let limits = Limits { checkpoint_bytes: 4, artifacts: 1, artifact_bytes: 4, handles: 0, ..Limits::default() };
    let host = Arc::new(Recorder::default());
    let attended = attended(limits, grant, &host);
    let ask = async |question, blob: &'static [u8]| attended.answer(question, Bytes::from_static(blob)).await;
    assert!(matches!(ask(secret(), b"").await.unwrap(), (Answer::Variable { secret: true }, value) if value == "4711-0815"));
    // What it was given is masked in what it says.
    attended.line(Stream::Log, Level::Info, Vec::new(), b"the pin is 4711-0815\0");
    assert_eq!(host.lines.lock()[0].message, "the pin is ***\u{2400}");

    assert!(ask(Question::SaveCheckpoint { forget: false }, b"12345").await.is_err());
    assert!(matches!(ask(Question::SaveCheckpoint { forget: false }, b"1234").await.unwrap().0, Answer::Saved(true)));
    let (Answer::Opened { handle, .. }, _) = ask(Question::CreateArtifact, b"").await.unwrap() else { panic!("not opened") };
    assert!(ask(Question::CreateArtifact, b"").await.is_err());
    ask(Question::WriteArtifact { handle }, b"123").await.unwrap();
    assert!(ask(Question::WriteArtifact { handle }, b"45").await.is_err());
    assert!(ask(Question::ReadArtifact { handle, max: 9 }, b"").await.is_err());
    assert!(ask(Question::Read { handle }, b"").await.is_err());
    assert!(ask(Question::FinishArtifact { handle: handle + 1 }, b"").await.is_err());
}

#[tokio::test]
async fn an_artifact_is_what_was_written_and_lies_where_it_was_put() {
    let attended = usual();
    let ask = async |question, blob: &'static [u8]| attended.answer(question, Bytes::from_static(blob)).await.unwrap().0;
    let Answer::Opened { handle, .. } = ask(Question::CreateArtifact, b"").await else { panic!("not opened") };
    ask(Question::WriteArtifact { handle }, b"abc").await;
    let Answer::Stored(stored) = ask(Question::FinishArtifact { handle }, b"").await else { panic!("not stored") };
    let finished = |stored: &str| Done {
        artifacts: vec![Finished {
            name: ArtifactName::new("a.csv").unwrap(),
            content_type: "text/csv".to_owned(),
            stored: stored.to_owned(),
        }],
        ..done(Ending::Skip { message: "enough".to_owned() })
    };
    let report = attended.accept(finished(&stored), &Bytes::new(), Instant::now()).unwrap();
    let [written] = &report.artifacts[..] else { panic!("{report:?}") };
    assert_eq!((written.object.as_str(), written.artifact.size_bytes), ("3 bytes", 3));
    assert!(written.artifact.sha256.as_str().starts_with("ba7816bf"), "{written:?}");
    // Another tenant's object, or the same once more.
    for stored in ["artifacts/of/another", stored.as_str()] {
        assert!(attended.accept(finished(stored), &Bytes::new(), Instant::now()).is_err(), "{stored}");
    }
}

#[tokio::test]
async fn an_ending_is_one_that_a_sandbox_gives() {
    let accept = |done, blob: &'static str| usual().accept(done, &Bytes::from_static(blob.as_bytes()), Instant::now());
    let returned = |bytes| Done { output_bytes: bytes, ..done(success()) };
    assert_eq!(accept(returned(2), "[]").unwrap().ending, Ending::Success { output: "[]".to_owned() });
    let Ending::Failure { reason, .. } = accept(returned(2), "[,").unwrap().ending else { panic!("it is no JSON") };
    assert_eq!(reason, Reason::InvalidOutput);
    assert!(accept(returned(3), "[]").is_err());
    let pushed = |key: &str, bytes| Done { xcoms: vec![(XComKey::new(key).unwrap(), bytes)], ..returned(2) };
    assert_eq!(accept(pushed("k", 1), "[]7").unwrap().xcoms, [(XComKey::new("k").unwrap(), "7".to_owned())]);
    for wrong in [pushed("return_value", 1), pushed("k", 2), pushed("k", usize::MAX)] {
        assert!(accept(wrong, "[]7").is_err());
    }
    assert!(accept(done(Ending::failure(Reason::MarkedByUser, "")), "").is_err());
    let long = accept(done(Ending::Reschedule { after_ms: u64::MAX }), "").unwrap().ending;
    assert!(matches!(long, Ending::Reschedule { after_ms } if after_ms < u64::MAX));

    let claims = Receipt { fuel: u64::MAX, peak_memory_bytes: u64::MAX, cpu_us: u64::MAX, http_calls: 9, ..Receipt::default() };
    let receipt = accept(Done { receipt: claims, ..returned(2) }, "[]").unwrap().receipt;
    let limits = Limits::default();
    assert_eq!((receipt.fuel, receipt.peak_memory_bytes), (limits.fuel, limits.memory_bytes));
    assert_eq!((receipt.http_calls, receipt.output_bytes), (0, 2));
    assert!(receipt.cpu_us <= receipt.wall_us);
}

#[tokio::test]
async fn what_it_says_beyond_the_limits_is_dropped() {
    let host = Arc::new(Recorder::default());
    let limits = Limits { output_bytes: 1, log_bytes: 1, ..Limits::default() };
    let attended = attended(limits, Grant::default(), &host);
    for _ in 0..100 {
        attended.line(Stream::Stdout, Level::Info, Vec::new(), &[b'x'; 16 << 10]);
    }
    assert!(host.lines.lock().len() < 20);
    let mut questions = 0;
    while attended.ask(1, Question::LoadCheckpoint, Bytes::new()) {
        questions += 1;
    }
    assert!(questions < 3_000, "they are answered later, and no more are taken");
}

#[tokio::test]
async fn a_request_is_decided_on_here() {
    let head = |uri: &str| Head {
        method: "POST".to_owned(),
        uri: uri.to_owned(),
        empty: false,
        bytes: (0, None),
        connect_ms: None,
        first_byte_ms: None,
        between_bytes_ms: None,
    };
    let refusing = usual();
    let (answer, _) = refusing.answer(Question::Send(head("http://127.0.0.1/")), Bytes::new()).await.unwrap();
    let Answer::Opened { handle, .. } = answer else { panic!("{answer:?}") };
    let (answer, _) = refusing.answer(Question::Response { handle }, Bytes::new()).await.unwrap();
    let Answer::Failed { fault: Fault::RequestDenied, refusal: Some(why) } = answer else { panic!("{answer:?}") };
    assert!(why.contains("grant.http"), "{why}");

    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = server.local_addr().unwrap().to_string();
    let rules =
        serde_json::json!({ "http": [{ "host": "127.0.0.1", "scheme": "http", "port": server.local_addr().unwrap().port() }] });
    let attended = attended(Limits::default(), serde_json::from_value(rules).unwrap(), &Arc::default());
    let served = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"0\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0, "the request ends");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        String::from_utf8(asked).unwrap().to_ascii_lowercase()
    });
    let ask = async |question, blob: &'static str| attended.answer(question, Bytes::from_static(blob.as_bytes())).await.unwrap();
    let headers = "host:other.example\nupgrade:h2c\nx-own:1\n";
    let (Answer::Opened { handle, .. }, _) = ask(Question::Send(head(&format!("http://{authority}/a"))), headers).await else {
        panic!("it is granted")
    };
    let response = ask(Question::Response { handle }, "");
    let body = async {
        for (part, bytes) in [(Part::Data, "in parts"), (Part::End, "")] {
            assert!(matches!(ask(Question::Body { handle, part }, bytes).await.0, Answer::Given));
        }
    };
    let ((answer, _), ()) = tokio::join!(response, body);
    assert!(matches!(answer, Answer::Response { status: 200, .. }), "{answer:?}");
    assert!(matches!(ask(Question::Read { handle }, "").await, (Answer::Part(Part::Data), bytes) if bytes == "ok"));
    assert!(matches!(ask(Question::Read { handle }, "").await.0, Answer::Part(Part::End)));
    let asked = served.await.unwrap();
    assert!(asked.contains(&format!("host: {authority}")) && asked.contains("x-own: 1") && asked.contains("in parts"), "{asked}");
    assert!(!asked.contains("other.example") && !asked.contains("upgrade"), "{asked}");
    assert_eq!(attended.stopped(success(), Instant::now()).receipt.http_calls, 1);
}
