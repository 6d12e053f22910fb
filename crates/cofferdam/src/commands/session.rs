//! Which server a command talks to, and as whom.

use super::credentials::{CredentialFile, Kept, is_fresh};
use super::tools::Tools;
use crate::config::{Environment, Settings};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use cofferdam_client::api::LoginRequest;
use cofferdam_client::{Client, ClientError, Credentials};
use cofferdam_domain::clock::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What `cofferdam dev` leaves in its data directory, so that commands in the same directory find it and sign in.
#[derive(Clone, Serialize, Deserialize)]
pub struct DevSession {
    /// Where the API is served.
    pub url: String,
    /// The first admin.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl DevSession {
    /// The file in a data directory.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("dev.json")
    }

    /// Reads the file of a data directory, when there is one that can be read.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(data_dir)).ok()?).ok()
    }
}

/// The settings of a command and the way to its server.
#[derive(Debug)]
pub struct Session {
    /// How results are printed.
    pub output: Output,
    /// The programs that commands call.
    pub tools: Tools,
    url: String,
    token: Option<String>,
    file: Option<CredentialFile>,
    dev: Option<PathBuf>,
}

impl Session {
    /// Chooses the server: the one that is configured, else the `cofferdam dev` of this directory, else the default.
    #[must_use]
    pub fn new(settings: Settings, environment: &Environment, output: Output) -> Self {
        let dev = if settings.url_is_set || settings.token.is_some() { None } else { DevSession::read(&settings.data_dir) };
        let tools = Tools::new(environment);
        match dev {
            Some(dev) => Self {
                output,
                tools,
                url: dev.url,
                token: None,
                file: Some(CredentialFile::new(settings.data_dir.join("session.json"))),
                dev: Some(settings.data_dir),
            },
            None => Self {
                output,
                tools,
                url: settings.url,
                token: settings.token,
                file: environment.config_dir().map(|dir| CredentialFile::new(dir.join("credentials.json"))),
                dev: None,
            },
        }
    }

    /// The server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file of credentials.
    ///
    /// # Errors
    /// When there is no place for one.
    pub fn credential_file(&self) -> Result<&CredentialFile, Failure> {
        self.file.as_ref().ok_or_else(|| {
            Failure::usage("there is no directory to keep credentials in")
                .remedy("set HOME or XDG_CONFIG_HOME, or use an API key in COFFERDAM_TOKEN")
        })
    }

    /// A client without credentials.
    ///
    /// # Errors
    /// When the URL is not one.
    pub fn anonymous(&self) -> Result<Client, Failure> {
        Client::new(&self.url).map_err(|error| self.failure(error))
    }

    /// A client with credentials: the configured token, else those of the last sign-in, else those of `cofferdam dev`.
    ///
    /// # Errors
    /// When nobody is signed in, or the sign-in has ended.
    pub async fn client(&self) -> Result<Client, Failure> {
        let client = self.anonymous()?;
        if let Some(token) = &self.token {
            return Ok(client.with_credentials(Credentials::ApiKey(token.clone())));
        }
        let file = self.credential_file()?;
        if let Some(kept) = file.get(&self.url)? {
            let client =
                self.keep_renewed(client.clone().with_credentials(Credentials::Tokens(kept.tokens.clone())), file, &kept);
            if is_fresh(&kept.tokens.access_token, SystemClock.now()) || self.renew(&client, file).await? {
                return Ok(client);
            }
        }
        let Some(dev) = self.dev.as_deref().and_then(DevSession::read) else {
            return Err(not_signed_in(&self.url));
        };
        let request = LoginRequest { tenant: None, username: dev.username, password: dev.password };
        self.sign_in(client, &request).await
    }

    /// Signs in with a password and keeps the tokens.
    ///
    /// # Errors
    /// When the server refuses, or the tokens cannot be kept.
    pub async fn sign_in(&self, client: Client, request: &LoginRequest) -> Result<Client, Failure> {
        let answer = client.login(request).await.map_err(|error| self.failure(error))?;
        let file = self.credential_file()?;
        let Credentials::Tokens(tokens) = client.credentials() else {
            return Err(Failure::new(Exit::Server, "the sign-in gave no tokens"));
        };
        let kept = Kept { username: answer.user.username, tenant: answer.user.tenant.to_string(), tokens };
        file.set(&self.url, Some(kept.clone()))?;
        Ok(self.keep_renewed(client, file, &kept))
    }

    /// Renews tokens that have expired, one process at a time: a refresh token can be used once. False when the sign-in has
    /// ended.
    async fn renew(&self, client: &Client, file: &CredentialFile) -> Result<bool, Failure> {
        let _lock = file.lock()?;
        // Another command may have renewed them while this one waited.
        if let Some(kept) = file.get(&self.url)? {
            let fresh = is_fresh(&kept.tokens.access_token, SystemClock.now());
            client.set_credentials(Credentials::Tokens(kept.tokens));
            if fresh {
                return Ok(true);
            }
        }
        match client.refresh().await {
            Ok(()) => Ok(true),
            Err(ClientError::Problem(problem)) if problem.status == 401 => Ok(false),
            Err(error) => Err(self.failure(error)),
        }
    }

    fn keep_renewed(&self, client: Client, file: &CredentialFile, kept: &Kept) -> Client {
        let (file, url, kept) = (file.clone(), self.url.clone(), kept.clone());
        client.with_token_observer(move |tokens| {
            let renewed = Kept { tokens: tokens.clone(), ..kept.clone() };
            if let Err(failure) = file.set(&url, Some(renewed)) {
                tracing::warn!(reason = failure.what, "the renewed tokens were not kept; sign in again next time");
            }
        })
    }

    /// What an error of the client means to the person at the keyboard.
    #[must_use]
    pub fn failure(&self, error: ClientError) -> Failure {
        super::problem::failure(&self.url, error)
    }
}

fn not_signed_in(url: &str) -> Failure {
    Failure::new(Exit::Denied, "nobody is signed in").at(url).remedy(
        "run `cofferdam login`, or set COFFERDAM_TOKEN to an API key; with `cofferdam dev`, run commands in its directory",
    )
}
