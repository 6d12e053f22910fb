//! Requests of `wasi:http`, sent by the worker: head, body and answer go over the socket, each part when it is asked for.

use super::super::protocol::{Answer, Fault, Head, PART_BYTES, Part, Question, Report, read_headers, write_headers};
use super::asking::Asker;
use crate::capabilities::{Carrier, Refused, Sent};
use crate::host::HostError;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

pub(super) struct Remote {
    asker: Asker,
}

impl Remote {
    pub(super) fn new(asker: Asker) -> Self {
        Self { asker }
    }
}

impl Carrier for Remote {
    fn carry(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        refused: Refused,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(send(self.asker.clone(), request, options, refused))
    }
}

/// A request that the worker sends. Dropped, it is given up.
struct Exchange {
    asker: Asker,
    handle: u32,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.asker.tell(&Report::Close { handle: self.handle }, &[]);
    }
}

async fn send(asker: Asker, request: Request<WasiBody>, options: Option<RequestOptions>, refused: Refused) -> Sent {
    let options = options.unwrap_or_default();
    let millis = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let (parts, body) = request.into_parts();
    let hint = body.size_hint();
    let head = Head {
        method: parts.method.as_str().to_owned(),
        uri: parts.uri.to_string(),
        empty: body.is_end_stream(),
        bytes: (hint.lower(), hint.upper()),
        connect_ms: millis(options.connect_timeout),
        first_byte_ms: millis(options.first_byte_timeout),
        between_bytes_ms: millis(options.between_bytes_timeout),
    };
    let headers = write_headers(&parts.headers);
    let (answer, _) = ask(&asker, Question::Send(head), &headers, &refused).await?;
    let Answer::Opened { handle, .. } = answer else { return Err(out_of_order()) };
    let exchange = Arc::new(Exchange { asker, handle });

    let pump = wasmtime_wasi::runtime::spawn(pump(Arc::clone(&exchange), body));
    let (answer, headers) = ask(&exchange.asker, Question::Response { handle }, &[], &refused).await?;
    let Answer::Response { status, empty, bytes: (lower, upper) } = answer else { return Err(out_of_order()) };
    let mut hint = SizeHint::new();
    hint.set_lower(lower);
    if let Some(upper) = upper.filter(|upper| *upper >= lower) {
        hint.set_upper(upper);
    }
    let mut response = Response::new(Incoming { exchange, next: None, ended: empty, hint, refused }.boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(status).map_err(|_| out_of_order())?;
    *response.headers_mut() = read_headers(&headers).ok_or_else(out_of_order)?;
    let rest = async move {
        pump.await;
        Ok(())
    };
    Ok((response, Box::new(rest)))
}

/// Hands the body over, part by part. What goes wrong is told to whoever waits for the response.
async fn pump(exchange: Arc<Exchange>, mut body: WasiBody) {
    let handle = exchange.handle;
    let give = async |part: Part, bytes: &[u8]| {
        let given = exchange.asker.ask(Question::Body { handle, part }, bytes).await;
        matches!(given, Ok((Answer::Given, _)))
    };
    if body.is_end_stream() {
        return;
    }
    loop {
        match body.frame().await {
            None => {
                give(Part::End, &[]).await;
                return;
            }
            Some(Err(_)) => {
                give(Part::Abort, &[]).await;
                return;
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    for part in data.chunks(PART_BYTES) {
                        if !give(Part::Data, part).await {
                            return;
                        }
                    }
                }
                Err(frame) => {
                    let Ok(trailers) = frame.into_trailers() else { continue };
                    if !give(Part::Trailers, &write_headers(&trailers)).await {
                        return;
                    }
                }
            },
        }
    }
}

async fn ask(asker: &Asker, question: Question, blob: &[u8], refused: &Refused) -> Result<(Answer, Bytes), Error> {
    match asker.ask(question, blob).await {
        Ok((Answer::Failed { fault, refusal }, _)) => {
            if let Some(refusal) = refusal {
                refused(refusal);
            }
            Err(fault.into())
        }
        Ok(answer) => Ok(answer),
        Err(HostError::Denied(why) | HostError::Unavailable(why)) => Err(Error::InternalError(Some(why))),
    }
}

fn out_of_order() -> Error {
    Fault::Internal("the worker gave an answer that does not fit".to_owned()).into()
}

/// What is left of a body after some bytes of it.
fn less(hint: &SizeHint, bytes: u64) -> SizeHint {
    let mut left = SizeHint::new();
    left.set_lower(hint.lower().saturating_sub(bytes));
    if let Some(upper) = hint.upper() {
        left.set_upper(upper.saturating_sub(bytes));
    }
    left
}

/// The body of a response, which is asked for part by part.
struct Incoming {
    exchange: Arc<Exchange>,
    next: Option<Pin<Box<dyn Future<Output = Result<(Answer, Bytes), Error>> + Send>>>,
    ended: bool,
    hint: SizeHint,
    refused: Refused,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let next = this.next.get_or_insert_with(|| {
            let (exchange, refused) = (Arc::clone(&this.exchange), Arc::clone(&this.refused));
            Box::pin(async move { ask(&exchange.asker, Question::Read { handle: exchange.handle }, &[], &refused).await })
        });
        let answer = ready!(next.as_mut().poll(cx));
        this.next = None;
        let frame = match answer {
            Ok((Answer::Part(Part::Data), data)) => {
                this.hint = less(&this.hint, data.len() as u64);
                Ok(Frame::data(data))
            }
            Ok((Answer::Part(Part::Trailers), headers)) => read_headers(&headers).map(Frame::trailers).ok_or_else(out_of_order),
            Ok((Answer::Part(Part::End), _)) => {
                this.ended = true;
                return Poll::Ready(None);
            }
            Ok(_) => Err(out_of_order()),
            Err(error) => Err(error),
        };
        this.ended = frame.is_err();
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
