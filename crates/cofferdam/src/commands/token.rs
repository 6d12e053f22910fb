use super::session::Session;
use crate::cli::{RoleName, TokenCommand};
use crate::failure::Failure;
use crate::output::{Table, table};
use cofferdam_client::api::{ApiKeyCollection, CreateApiKey, Role};
use serde_json::json;

/// Makes, lists and takes back API keys.
pub async fn run(session: &Session, command: TokenCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        TokenCommand::Create { name, role, expires_in_days } => {
            let request = CreateApiKey { name, role: role.map(api_role), expires_in_days };
            let created = client.create_api_key(&request).await.map_err(refused)?;
            // Only the key goes to standard output, so that it can be captured.
            if !session.output.json {
                let until =
                    created.api_key.expires_at.map_or_else(|| "for good".to_owned(), |at| format!("until {}", table::time(at)));
                session.output.note(&format!(
                    "API key '{}' ({}), valid {until}. This is the only time that it is shown:",
                    created.api_key.name, created.api_key.role
                ));
            }
            session.output.say(&created, |created| created.key.clone())
        }
        TokenCommand::List => {
            let keys = client.list_api_keys().await.map_err(refused)?;
            session.output.print(&keys, list)
        }
        TokenCommand::Revoke { api_key_id } => {
            client.revoke_api_key(api_key_id).await.map_err(refused)?;
            session
                .output
                .say(&json!({ "api_key_id": api_key_id, "revoked": true }), |_| format!("The API key {api_key_id} is revoked."))
        }
    }
}

const fn api_role(role: RoleName) -> Role {
    match role {
        RoleName::Viewer => Role::Viewer,
        RoleName::Operator => Role::Operator,
        RoleName::Editor => Role::Editor,
        RoleName::Admin => Role::Admin,
    }
}

fn list(keys: &ApiKeyCollection) -> Table {
    let mut rows = Table::new(&["id", "name", "role", "created", "expires", "last used", "revoked"], "There are no API keys.");
    for key in &keys.api_keys {
        rows.row([
            key.api_key_id.to_string(),
            key.name.clone(),
            key.role.to_string(),
            table::time(key.created_at),
            table::maybe_time(key.expires_at),
            table::maybe_time(key.last_used_at),
            table::maybe_time(key.revoked_at),
        ]);
    }
    rows
}
