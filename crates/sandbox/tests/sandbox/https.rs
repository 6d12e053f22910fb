//! Requests through TLS: which servers are believed, and what is said of those that are not.

use crate::lab::{compiled, output, request};
use cofferdam_domain::grant::Grant;
use cofferdam_domain::job::Entry;
use cofferdam_domain::limits::Limits;
use cofferdam_ids::{TaskId, XComKey};
use cofferdam_sandbox::{Authorities, AuthoritiesError, Host, HostError, LogLine, Program, Runtime, RuntimeConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A host for which every name leads to this machine.
#[derive(Default)]
struct Local(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl Host for Local {
    async fn xcom_pull(&self, _: &TaskId, _: &XComKey, _: Option<i32>) -> Result<Option<String>, HostError> {
        Ok(None)
    }
    fn log(&self, line: LogLine) {
        self.0.lock().unwrap().push(line.message);
    }
    fn progress(&self, _: f64, _: &str) {}
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }
}

/// An authority of our own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificate(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// Serves one certificate, and answers `hello`. The port.
async fn serve(chain: CertificateDer<'static>, key: &KeyPair) -> u16 {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not believe us goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

/// A runtime that believes an authority of ours, or none.
struct Client {
    runtime: Runtime,
    program: Program,
}

impl Client {
    fn new(pem: Option<&str>) -> Self {
        let runtime = Runtime::new(RuntimeConfig::for_slots(2)).unwrap();
        if let Some(pem) = pem {
            runtime.trust_also(Authorities::from_pem(pem.as_bytes()).unwrap());
        }
        let program = runtime.load(&compiled("reach")).unwrap();
        Self { runtime, program }
    }

    /// What the task got, and what its log says.
    async fn get(&self, name: &str, port: u16) -> (Value, String) {
        let input = json!({ "do": "http", "url": format!("https://{name}:{port}/") });
        let mut request = request(Entry::Command { args: vec![], env: vec![] }, input.to_string(), Limits::default());
        request.grant = serde_json::from_value::<Grant>(json!({ "http": [{ "host": "*", "port": port }] })).unwrap();
        request.private_targets = vec!["127.0.0.0/8".parse().unwrap()];
        let host = Arc::new(Local::default());
        let report = self.runtime.run(&self.program, request, host.clone(), CancellationToken::new()).await;
        let log = host.0.lock().unwrap().join("\n");
        (output(&report), log)
    }
}

#[tokio::test]
async fn a_private_authority_is_believed_when_it_is_named() {
    let ca = authority();
    let key = KeyPair::generate().unwrap();
    let good = certificate("api.internal.example").signed_by(&key, &ca).unwrap();
    let port = serve(good.der().clone(), &key).await;
    let (answer, log) = Client::new(Some(&ca.pem())).get("api.internal.example", port).await;
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("hello")), "{answer} {log}");
    let (answer, log) = Client::new(None).get("api.internal.example", port).await;
    assert_eq!(answer, json!({ "error": "ErrorCode::TlsCertificateError" }));
    assert!(log.contains("the certificate of api.internal.example is refused: nobody whom this worker trusts"), "{log}");
    assert!(log.contains("worker.extra_ca"), "{log}");
}

#[tokio::test]
async fn bad_certificates_are_refused_and_it_is_said_why() {
    let ca = authority();
    let client = Client::new(Some(&ca.pem()));
    let name = "api.internal.example";
    let (mut expired, mut early) = (certificate(name), certificate(name));
    expired.not_after = date_time_ymd(2020, 1, 1);
    early.not_before = date_time_ymd(4000, 1, 1);
    for (params, says) in [
        (expired, "it has expired"),
        (early, "it is not valid yet"),
        (certificate("other.internal.example"), "it is for DnsName(\"other.internal.example\")"),
    ] {
        let key = KeyPair::generate().unwrap();
        let port = serve(params.signed_by(&key, &ca).unwrap().der().clone(), &key).await;
        let (answer, log) = client.get(name, port).await;
        assert_eq!(answer, json!({ "error": "ErrorCode::TlsCertificateError" }), "{says}");
        assert!(log.contains("the certificate of api.internal.example is refused") && log.contains(says), "{says}: {log}");
    }
    let key = KeyPair::generate().unwrap();
    let port = serve(certificate(name).self_signed(&key).unwrap().der().clone(), &key).await;
    let (answer, log) = client.get(name, port).await;
    assert_eq!(answer, json!({ "error": "ErrorCode::TlsCertificateError" }));
    assert!(log.contains("nobody whom this worker trusts vouches for it"), "{log}");
}

#[test]
fn authorities_are_read_from_pem() {
    assert!(Authorities::from_pem(authority().pem().as_bytes()).is_ok());
    assert!(matches!(Authorities::from_pem(b"no certificates"), Err(AuthoritiesError::Empty)));
    let cut = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(matches!(Authorities::from_pem(cut.as_bytes()), Err(AuthoritiesError::NotPem(_))));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Authorities::from_pem(nonsense.as_bytes()), Err(AuthoritiesError::Unusable { number: 1, .. })));
}
