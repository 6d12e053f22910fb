//! The stand-in for other servers.

use crate::http::{Error, Request, Response};
use std::{cell::RefCell, collections::BTreeMap};

thread_local! {
    static ANSWERS: RefCell<BTreeMap<String, Response>> = const { RefCell::new(BTreeMap::new()) };
    static SENT: RefCell<Vec<Request>> = const { RefCell::new(Vec::new()) };
}

/// Answers requests to a URL, of whatever method. Requests to others are refused, as if they were not granted.
pub fn give_response(url: &str, status: u16, body: &[u8]) {
    let answer = Response { status, headers: Vec::new(), body: body.to_vec() };
    ANSWERS.with_borrow_mut(|answers| answers.insert(url.to_owned(), answer));
}

/// The requests that the code under test sent, in order.
#[must_use]
pub fn sent_requests() -> Vec<Request> {
    SENT.with_borrow(Clone::clone)
}

pub(crate) fn send(request: &Request) -> Result<Response, Error> {
    SENT.with_borrow_mut(|sent| sent.push(request.clone()));
    let answer = ANSWERS.with_borrow(|answers| answers.get(&request.url).cloned());
    answer.ok_or_else(|| Error::Refused(format!("requests to {} are not granted", request.url)))
}
