use super::session::Session;
use crate::cli::WebhookCommand;
use crate::failure::Failure;
use crate::output::{Table, table};
use cofferdam_client::api::{Page, Webhook, WebhookCollection, WebhookDeliveryCollection, WebhookListQuery};
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
                    ("events in a day", table::number(shown.events_last_day)),
                    ("refused", table::number(shown.refused)),
                    ("last refused", last_refused(shown)),
                ])
                .to_string()
            })
        }
        WebhookCommand::List { pattern, order_by, page } => {
            let order_by = Some(order_by);
            let query = WebhookListQuery { limit: page.limit, offset: page.offset, order_by, dag_id_pattern: pattern };
            let listed = client.list_webhooks(&query).await.map_err(refused)?;
            session.output.print(&listed, list)
        }
        WebhookCommand::Deliveries { dag_id, page } => {
            let page = Page { limit: page.limit, offset: page.offset };
            let listed = client.list_webhook_deliveries(&dag_id, &page).await.map_err(refused)?;
            session.output.print(&listed, deliveries)
        }
        WebhookCommand::Delete { dag_id } => {
            client.delete_webhook(&dag_id).await.map_err(refused)?;
            session.output.say(&json!({ "dag_id": dag_id, "deleted": true }), |_| format!("The webhook of {dag_id} is gone."))
        }
    }
}

fn list(webhooks: &WebhookCollection) -> Table {
    let mut rows = Table::new(
        &["dag", "last event", "events in a day", "refused", "last refused"],
        "There are no webhooks; `cofferdam webhook create DAG` makes one.",
    );
    for webhook in &webhooks.webhooks {
        rows.row([
            webhook.dag_id.to_string(),
            table::maybe_time(webhook.last_received_at),
            table::number(webhook.events_last_day),
            table::number(webhook.refused),
            last_refused(webhook),
        ]);
    }
    rows
}

fn last_refused(webhook: &Webhook) -> String {
    let why = webhook.last_refusal.map(|why| format!(" ({})", why.as_str())).unwrap_or_default();
    format!("{}{why}", table::maybe_time(webhook.last_refused_at))
}

fn deliveries(listed: &WebhookDeliveryCollection) -> Table {
    let mut rows = Table::new(&["event", "received", "run"], "No event came within the last day.");
    for delivery in &listed.deliveries {
        rows.row([
            delivery.event_id.clone(),
            table::time(delivery.received_at),
            delivery.dag_run_id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        ]);
    }
    rows
}
