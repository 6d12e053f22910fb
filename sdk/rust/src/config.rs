//! Variables and connections of the tenant, as far as the task's grant names them.
//!
//! What is secret is masked in the task's log. A secret that is only needed in a request to the connection's own host need not
//! be read at all: [`placeholder`] stands for it in a header or in the query, and the host puts it in place on the way out.

use serde_json::Value;
use std::fmt;

/// Why nothing was given. As a task's error it is fatal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No variable or connection can have this name, or its value is not what was asked for.
    Invalid(String),
    /// The grant does not name it; the text says which grant would.
    Denied(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) | Self::Denied(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

/// How to reach something outside, as Airflow has it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// Its name.
    pub connection_id: String,
    /// What it leads to: `http`, `postgres`, …
    pub conn_type: String,
    /// The host, without scheme and port.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The name to sign in with.
    pub login: Option<String>,
    /// The password or token.
    pub password: Option<String>,
    /// The schema of a database; for `http`, mostly the scheme of the URL.
    pub schema: Option<String>,
    /// Everything else: a JSON object, or null.
    pub extra: Value,
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

/// The value of a variable; none when there is no such variable.
///
/// # Errors
/// When the grant does not name it.
pub fn variable(key: &str) -> Result<Option<String>, Error> {
    host::variable(key)
}

/// The value of a variable that is JSON, as a type; none when there is no such variable.
///
/// # Errors
/// When the grant does not name it, or the value does not fit the type.
pub fn variable_json<T: serde::de::DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    let Some(value) = variable(key)? else { return Ok(None) };
    let typed = serde_json::from_str(&value);
    typed.map(Some).map_err(|error| Error::Invalid(format!("variable '{key}': {error}")))
}

/// A connection; none when there is no such connection.
///
/// # Errors
/// When the grant does not name it.
pub fn connection(connection_id: &str) -> Result<Option<Connection>, Error> {
    host::connection(connection_id)
}

/// The text that stands for a field of a connection in a header, or in the query, of a request to the connection's own host:
/// `login`, `password`, `basic` (both, as HTTP's basic authentication encodes them) or `extra:KEY`.
///
/// ```
/// let header = format!("Bearer {}", cofferdam::config::placeholder("warehouse", "password"));
/// assert_eq!(header, "Bearer <<connection:warehouse:password>>");
/// ```
#[must_use]
pub fn placeholder(connection_id: &str, field: &str) -> String {
    format!("<<connection:{connection_id}:{field}>>")
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::{Connection, Error};
    use crate::bindings::cofferdam::task::config;

    pub fn variable(key: &str) -> Result<Option<String>, Error> {
        Ok(config::get_variable(key)?)
    }

    pub fn connection(connection_id: &str) -> Result<Option<Connection>, Error> {
        Ok(config::get_connection(connection_id)?.map(|given| Connection {
            connection_id: given.connection_id,
            conn_type: given.conn_type,
            host: given.host,
            port: given.port,
            login: given.login,
            password: given.password,
            schema: given.schema,
            extra: given.extra.and_then(|extra| serde_json::from_str(&extra).ok()).unwrap_or_default(),
        }))
    }

    impl From<config::ConfigError> for Error {
        fn from(error: config::ConfigError) -> Self {
            match error {
                config::ConfigError::InvalidName(why) => Self::Invalid(why),
                config::ConfigError::Denied(why) => Self::Denied(why),
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
use crate::testing as host;

#[cfg(test)]
mod tests {
    use crate::{config, testing};

    #[test]
    fn what_was_given_is_read() {
        testing::give_variable("stations", "[7, 8]");
        assert_eq!(config::variable_json::<Vec<u8>>("stations").unwrap(), Some(vec![7, 8]));
        assert!(config::variable_json::<bool>("stations").unwrap_err().to_string().starts_with("variable 'stations': "));
        assert_eq!(config::variable("absent").unwrap(), None);

        let given = config::Connection { connection_id: "warehouse".into(), password: Some("x".into()), ..Default::default() };
        testing::give_connection(given.clone());
        assert_eq!(config::connection("warehouse").unwrap(), Some(given));
        assert_eq!(config::connection("absent").unwrap(), None);
    }
}
