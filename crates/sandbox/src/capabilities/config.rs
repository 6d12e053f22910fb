//! `cofferdam:task/config`: variables and connections, as far as the grant goes.

use super::{Capability, HostUnavailable};
use crate::bindings::cofferdam::task::config::{self as wit, ConfigError, Connection};
use crate::host::{Host, HostError};
use crate::run::{TryRequest, TryState};
use cofferdam_ids::{ConnectionId, VariableKey};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// What one try may read of the tenant's variables and connections.
pub(crate) struct Config {
    request: Arc<TryRequest>,
    host: Arc<dyn Host>,
}

impl Capability for Config {
    fn link(linker: &mut Linker<TryState>) -> wasmtime::Result<()> {
        wit::add_to_linker::<TryState, HasSelf<Self>>(linker, |state| &mut state.capabilities.config)
    }

    fn prepare(request: &Arc<TryRequest>, host: &Arc<dyn Host>) -> Self {
        Self { request: Arc::clone(request), host: Arc::clone(host) }
    }
}

impl wit::Host for Config {
    async fn get_variable(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, ConfigError>> {
        let key = match VariableKey::new(key) {
            Ok(key) => key,
            Err(error) => return Ok(Err(ConfigError::InvalidName(error.to_string()))),
        };
        if let Err(refusal) = self.request.grant.variable(key.as_str()) {
            return Ok(Err(ConfigError::Denied(refusal.to_string())));
        }
        let variable = answer("a variable could not be read", self.host.variable(&key).await)?;
        Ok(variable.map(|variable| variable.map(|variable| variable.value)))
    }

    async fn get_connection(&mut self, connection_id: String) -> wasmtime::Result<Result<Option<Connection>, ConfigError>> {
        let id = match ConnectionId::new(connection_id) {
            Ok(id) => id,
            Err(error) => return Ok(Err(ConfigError::InvalidName(error.to_string()))),
        };
        if let Err(refusal) = self.request.grant.connection(id.as_str()) {
            return Ok(Err(ConfigError::Denied(refusal.to_string())));
        }
        let connection = answer("a connection could not be read", self.host.connection(&id).await)?;
        Ok(connection.map(|connection| {
            connection.map(|connection| Connection {
                connection_id: connection.connection_id.to_string(),
                conn_type: connection.conn_type,
                host: connection.host,
                port: connection.port,
                login: connection.login,
                password: connection.password,
                schema: connection.schema,
                extra: connection.extra,
            })
        }))
    }
}

fn answer<T>(what: &'static str, answer: Result<T, HostError>) -> wasmtime::Result<Result<T, ConfigError>> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(HostError::Denied(why)) => Ok(Err(ConfigError::Denied(why))),
        Err(HostError::Unavailable(message)) => Err(wasmtime::Error::new(HostUnavailable { what, message })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::tests::{Recorder, request};
    use cofferdam_domain::grant::Grant;
    use cofferdam_domain::limits::Limits;
    use wit::Host as _;

    fn config(grant: Grant) -> Config {
        let host: Arc<dyn Host> = Arc::new(Recorder::default());
        let mut request = (*request(Limits::default())).clone();
        request.grant = grant;
        Config::prepare(&Arc::new(request), &host)
    }

    #[tokio::test]
    async fn what_the_grant_names_is_read() {
        let grant = Grant {
            variables: vec!["region".parse().unwrap(), "absent".parse().unwrap()],
            connections: vec!["ware*".parse().unwrap()],
            ..Grant::default()
        };
        let mut config = config(grant);
        assert_eq!(config.get_variable("region".to_owned()).await.unwrap().unwrap().as_deref(), Some("eu"));
        assert_eq!(config.get_variable("absent".to_owned()).await.unwrap().unwrap(), None);
        let connection = config.get_connection("warehouse".to_owned()).await.unwrap().unwrap().unwrap();
        assert_eq!((connection.host.as_deref(), connection.password.as_deref()), (Some("db.example.com"), Some("hunter22")));
        assert!(config.get_connection("warehouse2".to_owned()).await.unwrap().unwrap().is_none());
    }

    #[tokio::test]
    async fn what_it_does_not_name_is_refused_with_the_remedy() {
        let mut config = config(Grant::default());
        let error = config.get_variable("region".to_owned()).await.unwrap().unwrap_err();
        assert!(matches!(error, ConfigError::Denied(why) if why.contains("'region'") && why.contains("grant.variables")));
        let error = config.get_connection("warehouse".to_owned()).await.unwrap().unwrap_err();
        assert!(matches!(error, ConfigError::Denied(why) if why.contains("'warehouse'") && why.contains("grant.connections")));
        let error = config.get_variable("a b".to_owned()).await.unwrap().unwrap_err();
        assert!(matches!(error, ConfigError::InvalidName(why) if why.contains("variable key")));
    }
}
