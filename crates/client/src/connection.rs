//! The connection: addresses, credentials, sending, and reading answers.

use crate::ClientError;
use cofferdam_api_types::{ErrorCode, Problem, RefreshRequest, TokenResponse};
use reqwest::{Method, RequestBuilder, Response, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A pair of tokens: what a sign-in gives.
#[derive(Clone, Serialize, serde::Deserialize)]
pub struct Tokens {
    /// Goes with each request; valid for some minutes.
    pub access_token: String,
    /// Gets the next pair, once.
    pub refresh_token: String,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// What the client shows to the server.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nothing: only sign-in, health and the OpenAPI document can be reached.
    #[default]
    None,
    /// An API key (`cdk_…`).
    ApiKey(String),
    /// The tokens of a sign-in, which the client renews by itself.
    Tokens(Tokens),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::ApiKey(_) => "ApiKey(…)",
            Self::Tokens(_) => "Tokens(…)",
        })
    }
}

type TokenObserver = dyn Fn(&Tokens) + Send + Sync;

struct Inner {
    http: reqwest::Client,
    base: Url,
    credentials: Mutex<Credentials>,
    observer: Mutex<Option<Arc<TokenObserver>>>,
    // Held while tokens are renewed, so that a refresh token is used once.
    renewing: tokio::sync::Mutex<()>,
}

/// A client of one server. Cheap to clone; clones share credentials and connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.inner.base.as_str()).finish_non_exhaustive()
    }
}

const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The server sends something at least every 15 seconds on a stream, and nothing while it compiles an upload, which takes at
/// most 300 seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(330);

impl Client {
    /// A client of the server at an address such as `http://127.0.0.1:8080`, without credentials.
    ///
    /// # Errors
    /// When the address is no HTTP URL, or the TLS library cannot be set up.
    pub fn new(address: &str) -> Result<Self, ClientError> {
        // Fails when somebody installed a provider before, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let invalid = || ClientError::InvalidAddress(address.to_owned());
        let mut base = Url::parse(address).map_err(|_| invalid())?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(invalid());
        }
        base.path_segments_mut().map_err(|()| invalid())?.pop_if_empty();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Setup)?;
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base,
                credentials: Mutex::new(Credentials::None),
                observer: Mutex::new(None),
                renewing: tokio::sync::Mutex::new(()),
            }),
        })
    }

    /// The same client with credentials.
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        self.set_credentials(credentials);
        self
    }

    /// Calls `observer` with each new pair of tokens, for keeping them in a file.
    #[must_use]
    pub fn with_token_observer(self, observer: impl Fn(&Tokens) + Send + Sync + 'static) -> Self {
        *self.inner.observer.lock().expect("nothing panics while it is held") = Some(Arc::new(observer));
        self
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.inner.base.as_str()
    }

    /// The credentials as they are now.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.inner.credentials.lock().expect("nothing panics while it is held").clone()
    }

    /// Replaces the credentials.
    pub fn set_credentials(&self, credentials: Credentials) {
        *self.inner.credentials.lock().expect("nothing panics while it is held") = credentials;
    }

    /// Takes over new tokens.
    pub(crate) fn adopt(&self, tokens: &TokenResponse) {
        let tokens = Tokens { access_token: tokens.access_token.clone(), refresh_token: tokens.refresh_token.clone() };
        let observer = self.inner.observer.lock().expect("nothing panics while it is held").clone();
        if let Some(observer) = observer {
            observer(&tokens);
        }
        self.set_credentials(Credentials::Tokens(tokens));
    }

    /// The address of an endpoint. Each segment is encoded, slashes in it included.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.inner.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        url
    }

    /// The address of an endpoint below `/api/v1`.
    pub(crate) fn api(&self, segments: &[&str]) -> Url {
        let mut all = vec!["api", "v1"];
        all.extend(segments);
        self.url(&all)
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.inner.http.request(method, url)
    }

    /// Sends, with credentials; renews them once when they have expired. `build` is called again for the second attempt.
    pub(crate) async fn send(&self, build: impl Fn() -> RequestBuilder) -> Result<Response, ClientError> {
        let credentials = self.credentials();
        let response = attempt(build(), &credentials).await;
        match (response, credentials) {
            (Err(ClientError::Problem(problem)), Credentials::Tokens(used)) if problem.code == ErrorCode::Unauthenticated => {
                self.renew(&used).await?;
                attempt(build(), &self.credentials()).await
            }
            (response, _) => response,
        }
    }

    /// Sends without credentials, and never tries again.
    pub(crate) async fn send_bare(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        attempt(request, &Credentials::None).await
    }

    /// Renews the tokens, unless somebody else did it while this call waited.
    pub(crate) async fn renew(&self, used: &Tokens) -> Result<(), ClientError> {
        let _one_at_a_time = self.inner.renewing.lock().await;
        match self.credentials() {
            Credentials::Tokens(now) if now.access_token == used.access_token => {
                let body = RefreshRequest { refresh_token: Some(now.refresh_token) };
                let request = self.request(Method::POST, self.api(&["auth", "refresh"])).timeout(CALL_TIMEOUT).json(&body);
                let tokens: TokenResponse = read(self.send_bare(request).await?).await?;
                self.adopt(&tokens);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, ClientError> {
        read(self.send(|| self.request(Method::GET, url.clone()).timeout(CALL_TIMEOUT)).await?).await
    }

    pub(crate) async fn get_with<Q: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        url: Url,
        query: &Q,
    ) -> Result<T, ClientError> {
        read(self.send(|| self.request(Method::GET, url.clone()).timeout(CALL_TIMEOUT).query(query)).await?).await
    }

    pub(crate) async fn post<B: Serialize + ?Sized, T: DeserializeOwned>(&self, url: Url, body: &B) -> Result<T, ClientError> {
        read(self.send(|| self.request(Method::POST, url.clone()).timeout(CALL_TIMEOUT).json(body)).await?).await
    }

    pub(crate) async fn delete(&self, url: Url) -> Result<(), ClientError> {
        self.send(|| self.request(Method::DELETE, url.clone()).timeout(CALL_TIMEOUT)).await.map(drop)
    }
}

/// Sends one request; an answer that is no success becomes an error.
async fn attempt(request: RequestBuilder, credentials: &Credentials) -> Result<Response, ClientError> {
    let request = match credentials {
        Credentials::None => request,
        Credentials::ApiKey(key) => request.bearer_auth(key),
        Credentials::Tokens(tokens) => request.bearer_auth(&tokens.access_token),
    };
    let response = request.send().await.map_err(ClientError::Unreachable)?;
    if response.status().is_success() { Ok(response) } else { Err(failure(response).await) }
}

/// Reads the problem out of an answer that is no success.
async fn failure(response: Response) -> ClientError {
    let status = response.status().as_u16();
    match response.bytes().await {
        Err(source) => ClientError::Unreachable(source),
        Ok(body) => match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => problem.into(),
            Err(source) => ClientError::Unreadable { status, source: source.into() },
        },
    }
}

/// Reads the body of a success.
pub(crate) async fn read<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(ClientError::Unreachable)?;
    serde_json::from_slice(&body).map_err(|source| ClientError::Unreadable { status, source: source.into() })
}

/// The `ETag` of an answer, for `If-Match`.
pub(crate) fn etag(response: &Response) -> Option<String> {
    response.headers().get(header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded() {
        let client = Client::new("http://127.0.0.1:8080/base/").unwrap();
        assert_eq!(
            client.api(&["components", "weather/clean"]).as_str(),
            "http://127.0.0.1:8080/base/api/v1/components/weather%2Fclean"
        );
    }

    #[test]
    fn an_address_must_be_http() {
        assert!(matches!(Client::new("ftp://x"), Err(ClientError::InvalidAddress(_))));
        assert!(matches!(Client::new("localhost"), Err(ClientError::InvalidAddress(_))));
    }

    #[test]
    fn credentials_do_not_show_in_debug() {
        let client = Client::new("http://h").unwrap().with_credentials(Credentials::ApiKey("cdk_secret".into()));
        assert!(!format!("{client:?} {:?}", client.credentials()).contains("secret"));
    }
}
