//! `wasi:http`: requests to where the grant allows, and to no other address than the one that was checked.
//!
//! What is asked of each request, in this order: its form, the grant, the number of requests, the secrets that stand in
//! for its placeholders, the addresses that the host's name leads to. Only then is a connection made, to the very address that was found good: a name is resolved once.
//! A redirect is an answer like any other: the guest asks again, and is checked again.

mod connection;
mod trust;
mod usage;

use super::Capability;
use crate::host::Host;
use crate::run::{TryRequest, TryState};
use cofferdam_domain::grant::Scheme;
use connection::Call;
use http::Request;
use std::sync::Arc;
use std::time::{Duration, Instant};
pub(crate) use trust::Trust;
pub use trust::{Authorities, AuthoritiesError};
use usage::Usage;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

/// How long a connection may take when the guest does not say, its name's resolution and TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the server may be silent when the guest does not say: before its answer, and between two parts of it.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes that a guest hands over in one write of a request's body.
const CHUNK_BYTES: usize = 64 << 10;

/// The requests of one try.
pub(crate) struct Http {
    ctx: WasiHttpCtx,
    egress: Egress,
}

impl Http {
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.egress, table, ctx: &mut self.ctx }
    }

    /// Believes those whom the runtime believes.
    pub(crate) fn believe(&mut self, trust: Arc<Trust>) {
        self.egress.trust = trust;
    }

    /// Requests that were sent.
    pub(crate) fn calls(&self) -> u64 {
        self.egress.usage.calls()
    }

    /// Bytes of all requests and responses.
    pub(crate) fn bytes(&self) -> u64 {
        self.egress.usage.bytes()
    }

    /// What was refused last, and what would allow it.
    pub(crate) fn last_refusal(&self) -> Option<String> {
        self.egress.usage.last_refusal()
    }

    /// Lets requests be sent by another process, which decides on them and counts them.
    pub(crate) fn send_through(&mut self, carrier: Arc<dyn Carrier>) {
        self.egress.carrier = Some(carrier);
    }

    /// Decides on a request and sends it.
    pub(crate) fn send(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        self.egress.send_request(request, options, Box::new(std::future::ready(Ok(()))))
    }
}

/// Told what was refused.
pub(crate) type Refused = Arc<dyn Fn(String) + Send + Sync>;

/// Carries requests to another process, for a sandbox in a process that reaches nothing.
pub(crate) trait Carrier: Send + Sync {
    /// Has a request decided on and sent.
    fn carry(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        refused: Refused,
    ) -> Box<dyn Future<Output = Sent> + Send>;
}

impl Capability for Http {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        let usage = Arc::new(Usage::new(&request.limits, host));
        let deadline = Instant::now().checked_add(Duration::from_millis(request.limits.wall_ms));
        let (host, request, trust) = (Arc::clone(host), Arc::clone(request), Trust::of_machine());
        Self { ctx: WasiHttpCtx::new(), egress: Egress { host, request, usage, trust, deadline, carrier: None } }
    }
}

/// Decides on requests and sends those that are allowed.
struct Egress {
    host: Arc<dyn Host>,
    request: Arc<TryRequest>,
    usage: Arc<Usage>,
    trust: Arc<Trust>,
    deadline: Option<Instant>,
    carrier: Option<Arc<dyn Carrier>>,
}

/// Where a request goes.
pub(crate) struct Target {
    pub scheme: Scheme,
    /// As in the URL: an address of version 6 is in brackets.
    pub host: String,
    pub port: u16,
}

/// Where a URL leads, if a request to it has a form that is accepted.
pub(crate) fn destination(uri: &http::Uri) -> Result<Target, Error> {
    let scheme = match uri.scheme_str() {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        Some(_) | None => return Err(Error::HttpProtocolError),
    };
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
    // Credentials before the host would end up in the Host header.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(Error::HttpRequestUriInvalid);
    }
    // What stands behind the host: nothing, or a port. One that is no number is told by nothing else.
    let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
        None | Some("") => scheme.default_port(),
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(Error::HttpRequestUriInvalid)?,
    };
    Ok(Target { scheme, host: authority.host().to_owned(), port })
}

/// How long each part of a request may take.
#[derive(Clone, Copy)]
struct Times {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Egress {
    fn decide(&self, request: &Request<WasiBody>) -> Result<Target, Error> {
        let target = destination(request.uri())?;
        // What follows a CONNECT is no HTTP that could be checked.
        if request.method() == http::Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        if let Err(refusal) = self.request.grant.http(target.scheme, &target.host, target.port, request.method().as_str()) {
            self.usage.refuse(refusal.to_string());
            return Err(Error::HttpRequestDenied);
        }
        if !self.usage.count_call() {
            return Err(Error::ConnectionLimitReached);
        }
        Ok(target)
    }

    fn times(&self, options: Option<RequestOptions>) -> Times {
        let left = self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let options = options.unwrap_or_default();
        let at_most = |asked: Option<Duration>, default: Duration| asked.unwrap_or(default).min(left);
        Times {
            connect: at_most(options.connect_timeout, CONNECT),
            first_byte: at_most(options.first_byte_timeout, SILENCE),
            between_bytes: at_most(options.between_bytes_timeout, SILENCE),
        }
    }
}

/// A response, with what must go on until it is read.
pub(crate) type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if let Some(carrier) = &self.carrier {
            let usage = Arc::clone(&self.usage);
            return carrier.carry(request, options, Arc::new(move |refusal| usage.note_refusal(refusal)));
        }
        let target = match self.decide(&request) {
            Ok(target) => target,
            Err(error) => return Box::new(async move { Err(error) }),
        };
        let Some(open) = self.usage.open() else {
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        };
        let call = Call {
            host: Arc::clone(&self.host),
            request: Arc::clone(&self.request),
            usage: Arc::clone(&self.usage),
            trust: Arc::clone(&self.trust),
            times: self.times(options),
            target,
        };
        Box::new(call.send(request, open))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }
}
