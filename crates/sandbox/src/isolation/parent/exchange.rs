//! A request of a task in a process, sent from here by the same code as requests of tasks in sandboxes here.

use super::super::protocol::{Answer, Fault, Head, Part, read_headers, write_headers};
use super::attend::Attended;
use crate::capabilities::Sent;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Headers that say how a message is carried. They are for whoever carries it, and `wasi:http` keeps guests from setting them.
const CARRYING: [HeaderName; 6] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A request from its head to the end of its response.
pub(super) struct Exchange {
    /// Takes the parts of the body; none once it is complete.
    body: Mutex<Option<mpsc::Sender<Result<Frame<Bytes>, Error>>>>,
    stage: Mutex<Stage>,
}

enum Stage {
    Sending(Pin<Box<dyn Future<Output = Sent> + Send>>),
    Reading {
        body: WasiBody,
        /// The connection goes on while this is held.
        _connection: Box<dyn Future<Output = Result<(), Error>> + Send>,
    },
    Over,
}

type Answered = (Answer, Bytes);

impl Exchange {
    /// Decides on a request. It goes out, or is found to be refused, when its response is asked for.
    ///
    /// # Errors
    /// When it is no request: the answer that says so.
    pub(super) fn begin(attended: &Attended, head: Head, headers: &[u8]) -> Result<Self, Answer> {
        let failed = |error: Error| fault(attended, error);
        let Head { method, uri, empty, bytes: (lower, upper), connect_ms, first_byte_ms, between_bytes_ms } = head;
        let uri: Uri = uri.parse().map_err(|_| failed(Error::HttpRequestUriInvalid))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| failed(Error::HttpRequestMethodInvalid))?;
        let mut headers = read_headers(headers).ok_or_else(|| failed(Error::HttpProtocolError))?;
        for name in CARRYING {
            headers.remove(name);
        }
        if let Some(authority) = uri.authority() {
            // A task cannot ask one server for what another has.
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| failed(Error::HttpRequestUriInvalid))?;
            headers.insert(header::HOST, host);
        }

        let (sender, receiver) = mpsc::channel(1);
        let (sender, body) = if empty {
            (None, http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync())
        } else {
            let mut hint = SizeHint::new();
            hint.set_lower(lower);
            if let Some(upper) = upper.filter(|upper| *upper >= lower) {
                hint.set_upper(upper);
            }
            (Some(sender), Outgoing { parts: receiver, hint }.boxed_unsync())
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let time = |millis: Option<u64>| millis.map(Duration::from_millis);
        let options = RequestOptions {
            connect_timeout: time(connect_ms),
            first_byte_timeout: time(first_byte_ms),
            between_bytes_timeout: time(between_bytes_ms),
        };
        let sent = attended.http.lock().send(request, Some(options));
        Ok(Self { body: Mutex::new(sender), stage: Mutex::new(Stage::Sending(Box::into_pin(sent))) })
    }

    /// Takes a part of the body, once the one before it is on its way.
    pub(super) async fn body(&self, part: Part, bytes: Bytes) -> Answer {
        let mut body = self.body.lock().await;
        let frame = match part {
            Part::Data => Ok(Frame::data(bytes)),
            Part::Trailers => match read_headers(&bytes) {
                Some(trailers) => Ok(Frame::trailers(trailers)),
                None => Err(Error::HttpProtocolError),
            },
            Part::Abort => Err(Error::InternalError(Some("the task gave the request up".to_owned()))),
            Part::End => {
                *body = None;
                return Answer::Given;
            }
        };
        let ends = frame.is_err();
        let taken = match body.as_ref() {
            Some(sender) => sender.send(frame).await.is_ok(),
            None => false,
        };
        if ends {
            *body = None;
        }
        if taken { Answer::Given } else { Answer::Failed { fault: Fault::ConnectionTerminated, refusal: None } }
    }

    /// Sends the request and waits for the head of its response.
    pub(super) async fn response(&self, attended: &Attended) -> Answered {
        let mut stage = self.stage.lock().await;
        let Stage::Sending(sending) = &mut *stage else { return (out_of_order(), Bytes::new()) };
        match sending.as_mut().await {
            Ok((response, connection)) => {
                let (parts, body) = response.into_parts();
                let hint = body.size_hint();
                let answer = Answer::Response {
                    status: parts.status.as_u16(),
                    empty: body.is_end_stream(),
                    bytes: (hint.lower(), hint.upper()),
                };
                *stage = Stage::Reading { body, _connection: connection };
                (answer, write_headers(&parts.headers).into())
            }
            Err(error) => {
                *stage = Stage::Over;
                (fault(attended, error), Bytes::new())
            }
        }
    }

    /// The next part of the response's body.
    pub(super) async fn read(&self, attended: &Attended) -> Answered {
        let mut stage = self.stage.lock().await;
        let Stage::Reading { body, .. } = &mut *stage else { return (out_of_order(), Bytes::new()) };
        match body.frame().await {
            None => {
                *stage = Stage::Over;
                (Answer::Part(Part::End), Bytes::new())
            }
            Some(Err(error)) => {
                *stage = Stage::Over;
                (fault(attended, error), Bytes::new())
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => (Answer::Part(Part::Data), data),
                Err(frame) => {
                    let trailers: HeaderMap = frame.into_trailers().unwrap_or_default();
                    (Answer::Part(Part::Trailers), write_headers(&trailers).into())
                }
            },
        }
    }
}

fn fault(attended: &Attended, error: Error) -> Answer {
    Answer::Failed { fault: error.into(), refusal: attended.http.lock().last_refusal() }
}

fn out_of_order() -> Answer {
    Answer::Failed { fault: Fault::Protocol, refusal: None }
}

/// The body of a request, whose parts come one by one.
struct Outgoing {
    parts: mpsc::Receiver<Result<Frame<Bytes>, Error>>,
    hint: SizeHint,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.parts.poll_recv(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
