use super::session::Session;
use crate::cli::VariableCommand;
use crate::failure::{Exit, Failure};
use crate::output::{Table, table};
use cofferdam_client::api::{ErrorCode, NewVariable, PatchVariable, VariableCollection};
use serde_json::json;
use std::io::Read as _;

/// Lists, shows, sets and deletes variables.
pub async fn run(session: &Session, command: VariableCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        VariableCommand::List { page } => {
            let listed = client.list_variables(&page.query()).await.map_err(refused)?;
            session.output.print(&listed, list)
        }
        VariableCommand::Get { key } => {
            let variable = client.get_variable(&key).await.map_err(refused)?;
            if variable.is_secret && !session.output.json {
                return Err(Failure::new(Exit::Denied, format!("the variable '{key}' is secret"))
                    .remedy("only tasks whose grant names it are shown its value"));
            }
            session.output.say(&variable, |variable| variable.value.clone().unwrap_or_default())
        }
        VariableCommand::Set { key, value, description, secret } => {
            let value = if value == "-" { from_stdin()? } else { value };
            let new = NewVariable { key: key.clone(), value: value.clone(), description: description.clone(), is_secret: secret };
            let set = match client.create_variable(&new).await {
                // There is one: it gets the value. One that was secret stays so.
                Err(error) if error.code() == Some(ErrorCode::Conflict) => {
                    let is_secret = secret.then_some(true);
                    let patch = PatchVariable { value: Some(value), description: description.map(Some), is_secret, key: None };
                    client.patch_variable(&key, &patch).await
                }
                made => made,
            };
            let set = set.map_err(refused)?;
            session.output.say(&set, |set| format!("The variable '{}' is set.", set.key))
        }
        VariableCommand::Delete { key } => {
            client.delete_variable(&key).await.map_err(refused)?;
            session.output.say(&json!({ "key": key, "deleted": true }), |_| format!("The variable '{key}' is deleted."))
        }
    }
}

/// All of standard input, without its last line end.
pub fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage("the value cannot be read").at("standard input").because(&error))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn list(variables: &VariableCollection) -> Table {
    let mut rows = Table::new(&["key", "value", "description", "changed"], "There are no variables.");
    for variable in &variables.variables {
        rows.row([
            variable.key.to_string(),
            variable.value.clone().unwrap_or_else(|| "(secret)".to_owned()),
            variable.description.clone().unwrap_or_default(),
            table::time(variable.updated_at),
        ]);
    }
    rows
}
