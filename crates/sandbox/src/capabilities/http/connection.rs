//! From a host's name to a response: addresses, a connection, TLS, HTTP/1.1.

use super::trust::{Trust, complaint};
use super::usage::{Counted, Open, Usage};
use super::{Sent, Target, Times};
use crate::host::Host;
use crate::placeholder::{self, Destination, PlaceholderError};
use crate::run::TryRequest;
use cofferdam_domain::egress::{Unreachable, reachable};
use cofferdam_domain::grant::Scheme;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, WasiBody};

/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Bytes that a response's head may have, and that are read at once.
const HEAD_BYTES: usize = 64 << 10;

/// One request that is allowed by its grant.
pub(super) struct Call {
    pub host: Arc<dyn Host>,
    pub request: Arc<TryRequest>,
    pub usage: Arc<Usage>,
    pub trust: Arc<Trust>,
    pub times: Times,
    pub target: Target,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Call {
    pub(super) async fn send(self, mut request: Request<WasiBody>, open: Open) -> Sent {
        self.fill_placeholders(&mut request).await?;
        let stream = match timeout(self.times.connect, self.connect()).await {
            Ok(stream) => stream?,
            Err(_) => return Err(Error::ConnectionTimeout),
        };
        let io = TokioIo::new(Counted::new(stream, &self.usage));
        let handshake = http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(io).await;
        let (mut sender, connection) = handshake.map_err(|error| self.failed(&error))?;
        // It ends with this future, or with the response's body, whichever is dropped last.
        let connection = wasmtime_wasi::runtime::spawn(async move {
            let _open = open;
            // What goes wrong is told to whoever waits for the response or reads it.
            let _ = connection.await;
        });

        // The scheme and the host are for whoever connects; a server is asked for a path.
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        let response = match timeout(self.times.first_byte, sender.send_request(request)).await {
            Ok(response) => response.map_err(|error| self.failed(&error))?,
            Err(_) => return Err(Error::ConnectionReadTimeout),
        };
        let response: Response<WasiBody> = response.map(|incoming| {
            let between = self.times.between_bytes;
            let silence = Box::pin(sleep(between));
            Answer { incoming, between, silence, usage: Arc::clone(&self.usage) }.boxed_unsync()
        });
        // Without the sender, the connection ends with this exchange.
        drop(sender);
        let rest = async move {
            connection.await;
            Ok(())
        };
        Ok((response, Box::new(rest)))
    }

    /// Puts secrets where the guest wrote their placeholders: in headers and in the query.
    async fn fill_placeholders(&self, request: &mut Request<WasiBody>) -> Result<(), Error> {
        let to = Destination { host: self.name(), port: self.target.port, https: self.target.scheme == Scheme::Https };
        let (grant, host) = (&self.request.grant, &*self.host);
        let unusable = || PlaceholderError::Refused("a secret has characters that a request cannot carry".to_owned());
        let filled: Result<(), PlaceholderError> = async {
            for value in request.headers_mut().values_mut() {
                let Some(text) = value.to_str().ok().filter(|text| placeholder::occurs_in(text)) else { continue };
                let filled = placeholder::fill_header(text, to, grant, host).await?;
                *value = http::HeaderValue::try_from(filled).map_err(|_| unusable())?;
                value.set_sensitive(true);
            }
            if let Some(query) = request.uri().query().filter(|query| placeholder::occurs_in(query)) {
                let filled = placeholder::fill_query(query, to, grant, host).await?;
                let path = format!("{}?{filled}", request.uri().path());
                let mut parts = request.uri().clone().into_parts();
                parts.path_and_query = Some(path.try_into().map_err(|_| unusable())?);
                *request.uri_mut() = http::Uri::from_parts(parts).map_err(|_| unusable())?;
            }
            Ok(())
        }
        .await;
        filled.map_err(|error| match error {
            PlaceholderError::Refused(message) => {
                self.usage.refuse(message);
                Error::HttpRequestDenied
            }
            PlaceholderError::Unavailable(message) => {
                self.usage.say(message);
                Error::InternalError(Some("a connection could not be read; try again".to_owned()))
            }
        })
    }

    /// A connection to the first address that may be reached and answers.
    async fn connect(&self) -> Result<Box<dyn Stream>, Error> {
        let addresses = self.addresses().await?;
        let mut failure = Error::DestinationNotFound;
        for address in addresses.into_iter().take(ADDRESSES) {
            match TcpStream::connect(SocketAddr::new(address, self.target.port)).await {
                Ok(stream) => {
                    // Without it, a small request waits for an acknowledgement of its head.
                    let _ = stream.set_nodelay(true);
                    return self.secure(stream).await;
                }
                Err(error) => {
                    failure = match error.kind() {
                        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
                        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
                        _ => Error::DestinationUnavailable,
                    };
                }
            }
        }
        Err(failure)
    }

    /// Those addresses of the host that may be reached.
    async fn addresses(&self) -> Result<Vec<IpAddr>, Error> {
        let name = self.name();
        let found = match name.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.host.resolve(name).await.map_err(|error| {
                self.usage.say(format!("the name {name} could not be resolved: {error}"));
                Error::DnsError { rcode: None, info_code: None }
            })?,
        };
        if found.is_empty() {
            self.usage.say(format!("the name {name} leads to no address"));
            return Err(Error::DnsError { rcode: None, info_code: None });
        }
        reachable(&self.target.host, &found, &self.request.private_targets).map_err(|Unreachable { address, why }| {
            self.usage.refuse(format!(
                "requests to {name} are refused although they are granted: it leads to {address}, which is {why}; an \
                 administrator can allow it with `worker.egress_private`, or with `cofferdam tenant set --private-target`"
            ));
            Error::DestinationIpProhibited
        })
    }

    /// The host without the brackets of an address.
    fn name(&self) -> &str {
        let host = self.target.host.as_str();
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
    }

    async fn secure(&self, stream: TcpStream) -> Result<Box<dyn Stream>, Error> {
        match self.target.scheme {
            Scheme::Http => Ok(Box::new(stream)),
            Scheme::Https => {
                let name = self.name();
                let server = ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned());
                let server = server.map_err(|_| Error::HttpRequestUriInvalid)?;
                let connecting = TlsConnector::from(self.trust.config()).connect(server, stream).await;
                let stream = connecting.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                    Some(rustls::Error::InvalidCertificate(why)) => {
                        self.usage.say(complaint(name, why));
                        Error::TlsCertificateError
                    }
                    Some(_) | None => {
                        self.usage.say(format!("no TLS with {name}: {error}"));
                        Error::TlsProtocolError
                    }
                })?;
                Ok(Box::new(stream))
            }
        }
    }

    fn failed(&self, error: &hyper::Error) -> Error {
        if self.usage.is_spent() {
            return Error::HttpRequestBodySize(Some(self.usage.bytes_max()));
        }
        answer_failed(error)
    }
}

fn answer_failed(error: &hyper::Error) -> Error {
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(u32::try_from(HEAD_BYTES).ok())
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else {
        Error::ConnectionTerminated
    }
}

/// The body of a response: the server must not be silent for too long, nor say too much.
struct Answer {
    incoming: Incoming,
    between: Duration,
    silence: Pin<Box<Sleep>>,
    usage: Arc<Usage>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let until = Instant::now() + self.between;
                self.silence.as_mut().reset(until.into());
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) if self.usage.is_spent() => {
                Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(self.usage.bytes_max())))))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(Error::HttpResponseIncomplete))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                std::task::ready!(self.silence.as_mut().poll(cx));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
