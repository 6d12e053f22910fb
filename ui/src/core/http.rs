//! The one way to the server: typed requests, and one error that can be shown.

use cofferdam_api_types::{API_BASE, CSRF_HEADER, Diagnostic, ErrorCode, IDEMPOTENCY_KEY, PROBLEM_JSON, Problem, TokenResponse};
use gloo_net::http::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::rc::Rc;

/// Why a request gave nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// No answer came.
    Unreachable(String),
    /// The server refused, and says why.
    Refused(Box<Problem>),
    /// An answer came that this console cannot read.
    Unreadable {
        /// Its HTTP status.
        status: u16,
        /// What is wrong with it.
        detail: String,
    },
}

impl Failure {
    /// What it is, in a few words.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Unreachable(_) => "The server does not answer".to_owned(),
            Self::Refused(problem) => problem.title.to_string(),
            Self::Unreadable { status, .. } => format!("The answer cannot be read (HTTP {status})"),
        }
    }

    /// What is wrong this time and what would mend it.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Unreachable(detail) => format!("Check the connection, then try again. ({detail})"),
            Self::Refused(problem) => problem.detail.clone(),
            Self::Unreadable { detail, .. } => format!("{detail}. Reload the page in case the server was upgraded."),
        }
    }

    /// The machine-readable kind, the place in the body and the request, for those who look further.
    #[must_use]
    pub fn reference(&self) -> String {
        let Self::Refused(problem) = self else { return String::new() };
        let mut parts = vec![problem.code.to_string()];
        parts.extend(problem.pointer.as_ref().map(|pointer| format!("at {pointer}")));
        if !problem.request_id.is_empty() {
            parts.push(format!("request {}", problem.request_id));
        }
        parts.join(" · ")
    }

    /// The place in the body that it is about (a JSON Pointer), when the server named one.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => problem.pointer.as_deref(),
            _ => None,
        }
    }

    /// Every mistake, when the server lists several.
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        match self {
            Self::Refused(problem) => problem.diagnostics.clone(),
            _ => Vec::new(),
        }
    }

    /// The machine-readable kind, when the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            _ => None,
        }
    }
}

thread_local! {
    static SIGNED_OUT: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Sets what happens when the server no longer knows who asks.
pub fn on_signed_out(act: impl Fn() + 'static) {
    SIGNED_OUT.with(|slot| *slot.borrow_mut() = Some(Rc::new(act)));
}

/// `GET`.
///
/// # Errors
/// See [`Failure`].
pub async fn get<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    read(send(Method::GET, path, None, &[]).await?).await
}

/// `POST` with a JSON body.
///
/// # Errors
/// See [`Failure`].
pub async fn post<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, Failure> {
    read(send(Method::POST, path, Some(json(body)?), &[]).await?).await
}

/// `POST` of a text in YAML, of which JSON is a part.
///
/// # Errors
/// See [`Failure`].
pub async fn post_yaml<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, Failure> {
    read(send(Method::POST, path, Some(text.to_owned()), &[("Content-Type", "application/yaml")]).await?).await
}

/// `GET` of a document that is no part of the API proper: the schema of dags.
///
/// # Errors
/// See [`Failure`].
pub async fn document<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    let response = RequestBuilder::new(path).send().await.map_err(|error| Failure::Unreachable(error.to_string()))?;
    if response.ok() { read(response).await } else { Err(refusal(response).await) }
}

/// `POST` with a key by which the server knows a repetition, so that a double click creates one thing.
///
/// # Errors
/// See [`Failure`].
pub async fn post_once<T: DeserializeOwned>(path: &str, body: &impl Serialize, key: &str) -> Result<T, Failure> {
    read(send(Method::POST, path, Some(json(body)?), &[(IDEMPOTENCY_KEY, key)]).await?).await
}

/// `POST` whose answer does not matter.
///
/// # Errors
/// See [`Failure`].
pub async fn command(path: &str) -> Result<(), Failure> {
    send(Method::POST, path, Some("{}".to_owned()), &[]).await.map(drop)
}

/// `PATCH` of the revision that the person saw.
///
/// # Errors
/// See [`Failure`].
pub async fn patch<T: DeserializeOwned>(path: &str, body: &impl Serialize, revision: u64) -> Result<T, Failure> {
    read(send(Method::PATCH, path, Some(json(body)?), &[("If-Match", &format!("\"{revision}\""))]).await?).await
}

/// `PATCH` of something that has no revisions.
///
/// # Errors
/// See [`Failure`].
pub async fn amend<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, Failure> {
    read(send(Method::PATCH, path, Some(json(body)?), &[]).await?).await
}

/// `PUT` with a JSON body.
///
/// # Errors
/// See [`Failure`].
pub async fn replace<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, Failure> {
    read(send(Method::PUT, path, Some(json(body)?), &[]).await?).await
}

/// `PUT` without a body.
///
/// # Errors
/// See [`Failure`].
pub async fn put<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    read(send(Method::PUT, path, None, &[]).await?).await
}

/// `DELETE`.
///
/// # Errors
/// See [`Failure`].
pub async fn delete(path: &str) -> Result<(), Failure> {
    send(Method::DELETE, path, None, &[]).await.map(drop)
}

fn json(body: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(body).map_err(|error| Failure::Unreadable { status: 0, detail: error.to_string() })
}

/// Sends a request. When the session has ended, says so to the page.
async fn send(method: Method, path: &str, body: Option<String>, headers: &[(&str, &str)]) -> Result<Response, Failure> {
    let answer = attempt(method, path, body, headers).await;
    if let Err(Failure::Refused(problem)) = &answer
        && problem.status == 401
        && !path.starts_with("/auth/")
    {
        SIGNED_OUT.with(|slot| slot.borrow().clone()).inspect(|act| act());
    }
    answer
}

async fn attempt(method: Method, path: &str, body: Option<String>, headers: &[(&str, &str)]) -> Result<Response, Failure> {
    let unreachable = |error: gloo_net::Error| Failure::Unreachable(error.to_string());
    let changes = method != Method::GET;
    let mut request = RequestBuilder::new(&format!("{API_BASE}{path}")).method(method).header("Accept", "application/json");
    if changes {
        request = request.header(CSRF_HEADER, "console");
    }
    if body.is_some() {
        request = request.header("Content-Type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = match body {
        Some(body) => request.body(body).map_err(unreachable)?.send().await,
        None => request.send().await,
    }
    .map_err(unreachable)?;
    if response.ok() { Ok(response) } else { Err(refusal(response).await) }
}

async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let is_problem = response.headers().get("content-type").is_some_and(|kind| kind.starts_with(PROBLEM_JSON));
    let text = response.text().await.unwrap_or_default();
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) if is_problem => Failure::Refused(Box::new(problem)),
        _ => Failure::Unreadable { status, detail: format!("The server answered with HTTP {status} and no explanation") },
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let status = response.status();
    let text = response.text().await.map_err(|error| Failure::Unreachable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| Failure::Unreadable { status, detail: error.to_string() })
}

/// Signs in. The browser keeps the session in a cookie that scripts cannot read.
///
/// # Errors
/// See [`Failure`].
pub async fn sign_in(request: &cofferdam_api_types::LoginRequest) -> Result<TokenResponse, Failure> {
    post("/auth/login", request).await
}

/// Asks whether every part works. The report comes with status 503 when one does not.
///
/// # Errors
/// See [`Failure`].
pub async fn health() -> Result<cofferdam_api_types::DeepHealth, Failure> {
    let response = RequestBuilder::new("/health/deep").send().await.map_err(|error| Failure::Unreachable(error.to_string()))?;
    if response.ok() || response.status() == 503 { read(response).await } else { Err(refusal(response).await) }
}
