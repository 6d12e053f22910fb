//! Variables and connections, opened with the installation's keys. The sandbox has checked the grant.

use super::{TryHost, unavailable};
use cofferdam_domain::connection::{Connection, Variable};
use cofferdam_ids::{ConnectionId, VariableKey};
use cofferdam_sandbox::HostError;
use cofferdam_store::{StoreError, connections, variables};

impl TryHost {
    pub(super) async fn read_variable(&self, key: &VariableKey) -> Result<Option<Variable>, HostError> {
        let read = async {
            let mut tx = self.shared.store.begin(&self.system()).await?;
            variables::read(&mut tx, &self.shared.keys, key).await
        };
        read.await.map_err(|error| failed(&format!("variable '{key}'"), &error))
    }

    pub(super) async fn read_connection(&self, id: &ConnectionId) -> Result<Option<Connection>, HostError> {
        let read = async {
            let mut tx = self.shared.store.begin(&self.system()).await?;
            connections::read(&mut tx, &self.shared.keys, id).await
        };
        read.await.map_err(|error| failed(&format!("connection '{id}'"), &error))
    }
}

/// What cannot be opened now cannot be opened at the next try either, until somebody mends the keys.
fn failed(what: &str, error: &StoreError) -> HostError {
    match error {
        StoreError::Corrupt { .. } => HostError::Denied(format!(
            "the {what} cannot be opened with the keys of this installation: an administrator finds the reason in the worker's log"
        )),
        StoreError::Unavailable(_)
        | StoreError::Conflict { .. }
        | StoreError::NotFound { .. }
        | StoreError::Invalid { .. }
        | StoreError::Internal(_) => unavailable("a variable or connection could not be read for a task", error),
    }
}
