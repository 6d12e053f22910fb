//! Keeps the secrets that a task was given out of what is kept and shown of it: its output, log messages, progress and
//! error messages.
//!
//! Every secret passes through here on its way to the task, so the task's host need not think of it. Masking is no wall: a
//! task that wants to show a secret can write it backwards. It keeps honest tasks from leaking by accident. A text is masked
//! as a whole, so a secret that a task prints in two writes of a line that is longer than 16 KiB may be cut in the middle.

use crate::engine::hex;
use crate::host::{ArtifactSink, ArtifactSource, Host, HostError, LogLine};
use crate::placeholder::percent_encoded;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use cofferdam_domain::artifact::Artifact;
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_ids::{ArtifactName, ConnectionId, TaskId, VariableKey, XComKey};
use parking_lot::RwLock;
use std::net::IpAddr;
use std::sync::Arc;

/// What stands in place of a secret.
const MASK: &str = "***";
/// A secret shorter than this is not masked: it would be found by chance in too many texts.
const LEAST_BYTES: usize = 4;
/// Of a secret of several lines, such as a private key, each line of this length is masked by itself too, since output is
/// kept line by line.
const LINE_BYTES: usize = 8;
/// What is left of a secret amid other text in base64 is masked from this length on.
const CORE_BYTES: usize = 8;

/// A host that learns the secrets which it hands on, and masks what it takes.
pub(crate) struct Masking {
    inner: Arc<dyn Host>,
    /// The longest first, so that none is masked in the middle of another.
    secrets: RwLock<Vec<String>>,
}

impl Masking {
    pub(crate) fn new(inner: Arc<dyn Host>) -> Self {
        Self { inner, secrets: RwLock::default() }
    }

    /// A text without the secrets known so far.
    pub(crate) fn mask(&self, mut text: String) -> String {
        for secret in &*self.secrets.read() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }

    /// Remembers a secret, in the forms in which programs show it.
    fn learn(&self, secret: &str) {
        let mut secrets = self.secrets.write();
        if secrets.iter().any(|known| known == secret) {
            return;
        }
        let mut add = |form: String| {
            if form.len() >= LEAST_BYTES && !secrets.contains(&form) {
                secrets.push(form);
            }
        };
        add(secret.to_owned());
        if secret.len() < LEAST_BYTES {
            return;
        }
        let encoded = percent_encoded(secret);
        add(encoded.replace("%20", "+"));
        add(in_small_letters(&encoded));
        add(encoded);
        let hexadecimal = hex(secret.as_bytes());
        add(hexadecimal.to_ascii_uppercase());
        add(hexadecimal);
        for alphabet in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            add(alphabet.encode(secret));
            (0..3).map(|before| core(alphabet, secret, before)).filter(|core| core.len() >= CORE_BYTES).for_each(&mut add);
        }
        let json = serde_json::Value::from(secret).to_string();
        add(json[1..json.len() - 1].to_owned());
        for line in secret.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES) {
            add(line.to_owned());
        }
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }
}

/// A percent-encoded text with the digits as some encoders write them: `%2f`.
fn in_small_letters(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (digits, rest) = piece.split_at(2.min(piece.len()));
        text + "%" + &digits.to_ascii_lowercase() + rest
    })
}

/// What base64 makes of a secret wherever it stands in a text: the digits that hold nothing of what is before or behind it. How many
/// bytes are before it, by threes, decides where they begin.
fn core(alphabet: &GeneralPurpose, secret: &str, before: usize) -> String {
    let bytes = [&[0; 2][..before], secret.as_bytes()].concat();
    let encoded = alphabet.encode(&bytes);
    let end = bytes.len() * 8 / 6;
    encoded[(before * 8).div_ceil(6)..end].to_owned()
}

#[async_trait]
impl Host for Masking {
    async fn xcom_pull(&self, task_id: &TaskId, key: &XComKey, map_index: Option<i32>) -> Result<Option<String>, HostError> {
        self.inner.xcom_pull(task_id, key, map_index).await
    }

    fn log(&self, line: LogLine) {
        if self.secrets.read().is_empty() {
            return self.inner.log(line);
        }
        self.inner.log(LogLine {
            message: self.mask(line.message),
            fields: line.fields.into_iter().map(|(name, value)| (self.mask(name), self.mask(value))).collect(),
            ..line
        });
    }

    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        self.inner.resolve(name).await
    }

    fn progress(&self, fraction: f64, message: &str) {
        self.inner.progress(fraction, &self.mask(message.to_owned()));
    }

    fn now(&self) -> Option<DateTime<Utc>> {
        self.inner.now()
    }

    async fn variable(&self, key: &VariableKey) -> Result<Option<Variable>, HostError> {
        let variable = self.inner.variable(key).await?;
        if let Some(variable) = variable.as_ref().filter(|variable| variable.secret) {
            self.learn(&variable.value);
        }
        Ok(variable)
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        let connection = self.inner.connection(id).await?;
        if let Some(connection) = &connection {
            for secret in connection.secrets() {
                self.learn(&secret);
            }
            if let Some(basic) = connection.password.as_ref().and_then(|_| connection.field("basic")) {
                self.learn(&basic);
            }
        }
        Ok(connection)
    }

    async fn checkpoint_save(&self, data: Option<Bytes>) -> Result<bool, HostError> {
        self.inner.checkpoint_save(data).await
    }

    async fn checkpoint_load(&self) -> Result<Option<Bytes>, HostError> {
        self.inner.checkpoint_load().await
    }

    async fn artifact_create(&self) -> Result<Box<dyn ArtifactSink>, HostError> {
        self.inner.artifact_create().await
    }

    async fn artifact_open(
        &self,
        task_id: &TaskId,
        map_index: Option<i32>,
        name: &ArtifactName,
    ) -> Result<Option<(Artifact, Box<dyn ArtifactSource>)>, HostError> {
        self.inner.artifact_open(task_id, map_index, name).await
    }

    async fn artifacts(&self, task_id: &TaskId, map_index: Option<i32>) -> Result<Vec<Artifact>, HostError> {
        self.inner.artifacts(task_id, map_index).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::Recorder;
    use crate::host::{Level, Stream};

    fn said(masking: &Masking, host: &Recorder, message: &str) -> String {
        let fields = vec![("given".to_owned(), message.to_owned())];
        masking.log(LogLine { stream: Stream::Log, level: Level::Info, message: message.to_owned(), fields });
        let line = host.lines.lock().pop().unwrap();
        assert_eq!(line.fields[0].1, line.message);
        line.message
    }

    #[tokio::test]
    async fn what_a_task_read_is_masked_from_then_on() {
        let host = Arc::new(Recorder::default());
        let masking = Masking::new(host.clone());
        assert_eq!(said(&masking, &host, "hunter22"), "hunter22");
        masking.connection(&ConnectionId::new("warehouse").unwrap()).await.unwrap();
        // ann:hunter22 as HTTP's basic authentication has it.
        for text in ["hunter22", "t-0815", "YW5uOmh1bnRlcjIy"] {
            assert_eq!(said(&masking, &host, &format!("<{text}>{text}")), "<***>***", "{text}");
        }
        assert_eq!(said(&masking, &host, "ann at db.example.com"), "ann at db.example.com");
        masking.variable(&VariableKey::new("region").unwrap()).await.unwrap();
        masking.variable(&VariableKey::new("pin").unwrap()).await.unwrap();
        assert_eq!(said(&masking, &host, "eu 4711-0815"), "eu ***");
        masking.progress(0.5, "with 4711-0815");
        assert_eq!(host.progress.lock()[0].1, "with ***");
    }

    #[test]
    fn a_secret_is_known_in_its_usual_forms() {
        let masking = Masking::new(Arc::new(Recorder::default()));
        masking.learn("p\"ss wörd");
        masking.learn("BEGIN KEY\nMIIEvQIBADAN\nx");
        masking.learn("abc");
        for text in [
            "p\"ss wörd",
            "p\\\"ss wörd",
            "p%22ss%20w%C3%B6rd",
            "cCJzcyB3w7ZyZA==",
            "MIIEvQIBADAN",
            "BEGIN KEY\\nMIIEvQIBADAN\\nx",
            "p%22ss+w%C3%B6rd",
            "p%22ss%20w%c3%b6rd",
            "702273732077c3b67264",
            "702273732077C3B67264",
            "cCJzcyB3w7ZyZA",
        ] {
            assert_eq!(masking.mask(format!("<{text}>")), "<***>", "{text}");
        }
        assert_eq!(masking.mask("abc x".to_owned()), "abc x");
    }

    #[test]
    fn a_secret_is_known_amid_other_text_in_base64() {
        let masking = Masking::new(Arc::new(Recorder::default()));
        let secret = "s3cr3t/va?lue~>";
        masking.learn(secret);
        for alphabet in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            for before in ["", "x", "xy", "xyz", "{\"token\":\""] {
                for after in ["", "x", "xy", "\"}"] {
                    let shown = masking.mask(alphabet.encode(format!("{before}{secret}{after}")));
                    assert!(shown.contains(MASK), "{before}…{after}: {shown}");
                    // What is left of it are the digits that it shares with its neighbours.
                    let left = shown.len() - MASK.len();
                    assert!(left <= (before.len() + after.len()) * 8 / 6 + 4, "{before}…{after}: {shown}");
                }
            }
        }
        let other = STANDARD.encode("nothing of it is in here");
        assert_eq!(masking.mask(other.clone()), other);
    }
}
