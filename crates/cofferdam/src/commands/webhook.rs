use super::session::Session;
use crate::cli::WebhookCommand;
use crate::failure::Failure;
use crate::output::{Table, table};
use serde_json::json;

/// Makes webhooks, shows them and takes them away.
pub async fn run(session: &Session, command: WebhookCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        WebhookCommand::Create { dag_id } => {
            let made = client.put_webhook(&dag_id).await.map_err(refused)?;
            if !session.output.json {
                session.output.note(&format!("Events go to {}. The secret is shown only now:", made.path));
            }
            session.output.say(&made, |made| made.secret.clone().unwrap_or_default())
        }
        WebhookCommand::Show { dag_id } => {
            let shown = client.get_webhook(&dag_id).await.map_err(refused)?;
            session.output.say(&shown, |shown| {
                Table::properties(vec![
                    ("dag", shown.dag_id.to_string()),
                    ("path", shown.path.clone()),
                    ("secret since", table::time(shown.updated_at)),
                    ("last event", table::maybe_time(shown.last_received_at)),
                ])
                .to_string()
            })
        }
        WebhookCommand::Delete { dag_id } => {
            client.delete_webhook(&dag_id).await.map_err(refused)?;
            session.output.say(&json!({ "dag_id": dag_id, "deleted": true }), |_| format!("The webhook of {dag_id} is gone."))
        }
    }
}
