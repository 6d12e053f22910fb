//! Variables and connections as tasks read them.

use cofferdam_ids::ConnectionId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The value of a variable, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: String,
    /// Whether the value is only shown to tasks.
    pub secret: bool,
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// How to reach something outside (an Airflow connection), opened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name.
    pub connection_id: ConnectionId,
    /// What it leads to: `http`, `postgres`, …
    pub conn_type: String,
    /// The host, without scheme and port.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The name to sign in with.
    pub login: Option<String>,
    /// The password or token. Secret.
    pub password: Option<String>,
    /// The schema of a database; for `http`, mostly the scheme of the URL.
    pub schema: Option<String>,
    /// Everything else: a JSON object. It is kept sealed, since it often holds secrets.
    pub extra: Option<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection_id, conn_type, host, port, .. } = self;
        f.debug_struct("Connection")
            .field("connection_id", connection_id)
            .field("conn_type", conn_type)
            .field("host", host)
            .field("port", port)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// What must not be shown: the password, and each text in `extra` whose key tells that it is a secret.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = self.password.iter().cloned().collect();
        if let Some(extra) = self.extra.as_deref().and_then(|extra| serde_json::from_str(extra).ok()) {
            collect(&extra, false, &mut secrets);
        }
        secrets
    }

    /// One field by the name that a placeholder has: `login`, `password`, `basic` (the credentials of HTTP's basic
    /// authentication before they are encoded), or `extra:KEY` for a text in `extra`.
    #[must_use]
    pub fn field(&self, field: &str) -> Option<String> {
        match field {
            "login" => self.login.clone(),
            "password" => self.password.clone(),
            "basic" => {
                let (login, password) = (self.login.as_deref(), self.password.as_deref());
                (login.is_some() || password.is_some())
                    .then(|| format!("{}:{}", login.unwrap_or_default(), password.unwrap_or_default()))
            }
            _ => {
                let key = field.strip_prefix("extra:")?;
                let extra: serde_json::Value = serde_json::from_str(self.extra.as_deref()?).ok()?;
                extra.get(key)?.as_str().map(str::to_owned)
            }
        }
    }
}

/// The texts of a JSON document that stand under a key that tells of a secret.
fn collect(value: &serde_json::Value, secret: bool, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if secret => into.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, secret, into)),
        serde_json::Value::Object(entries) => {
            for (key, value) in entries {
                collect(value, secret || tells_of_secret(key), into);
            }
        }
        _ => {}
    }
}

/// Whether what a key names is a secret, going by its words (Airflow masks by such a list too).
#[must_use]
pub fn tells_of_secret(key: &str) -> bool {
    const WORDS: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "api_key",
        "access_key",
        "private_key",
        "authorization",
    ];
    let key = key.to_ascii_lowercase().replace('-', "_");
    WORDS.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection {
            connection_id: ConnectionId::new("warehouse").unwrap(),
            conn_type: "http".to_owned(),
            host: Some("db.example.com".to_owned()),
            port: None,
            login: Some("ann".to_owned()),
            password: Some("hunter22".to_owned()),
            schema: None,
            extra: Some(r#"{"region":"eu","api-key":"k-1","nested":{"tokens":["t-1","t-2"]}}"#.to_owned()),
        }
    }

    #[test]
    fn secrets_are_the_password_and_what_extra_calls_one() {
        assert_eq!(connection().secrets(), ["hunter22", "k-1", "t-1", "t-2"]);
        let shown = format!("{:?}", connection());
        assert!(!shown.contains("hunter22") && !shown.contains("k-1") && shown.contains("warehouse"), "{shown}");
    }

    #[test]
    fn fields_have_names() {
        let connection = connection();
        for (name, value) in [
            ("login", Some("ann")),
            ("password", Some("hunter22")),
            ("basic", Some("ann:hunter22")),
            ("extra:region", Some("eu")),
        ] {
            assert_eq!(connection.field(name).as_deref(), value, "{name}");
        }
        for name in ["extra", "extra:absent", "extra:nested", "host", ""] {
            assert_eq!(connection.field(name), None, "{name}");
        }
    }
}
