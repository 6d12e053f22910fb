//! Webhooks of dags.

use crate::connection::read;
use crate::{Client, ClientError};
use cofferdam_api_types::{Page, Webhook, WebhookCollection, WebhookDeliveryCollection, WebhookListQuery};
use cofferdam_ids::DagId;
use reqwest::Method;

impl Client {
    /// Gives a dag a webhook with a new secret, which only this answer tells.
    ///
    /// # Errors
    /// When there is no such dag, or one is no editor.
    pub async fn put_webhook(&self, dag: &DagId) -> Result<Webhook, ClientError> {
        let url = self.api(&["dags", dag.as_str(), "webhook"]);
        read(self.send(|| self.request(Method::PUT, url.clone())).await?).await
    }

    /// The webhook of a dag, without its secret.
    ///
    /// # Errors
    /// When it has none.
    pub async fn get_webhook(&self, dag: &DagId) -> Result<Webhook, ClientError> {
        self.get(self.api(&["dags", dag.as_str(), "webhook"])).await
    }

    /// The webhooks of the tenant.
    ///
    /// # Errors
    /// When one may not see them.
    pub async fn list_webhooks(&self, query: &WebhookListQuery) -> Result<WebhookCollection, ClientError> {
        self.get_with(self.api(&["webhooks"]), query).await
    }

    /// The events that a dag's webhook received within the last day.
    ///
    /// # Errors
    /// When it has none.
    pub async fn list_webhook_deliveries(&self, dag: &DagId, page: &Page) -> Result<WebhookDeliveryCollection, ClientError> {
        self.get_with(self.api(&["dags", dag.as_str(), "webhook", "deliveries"]), page).await
    }

    /// Takes the webhook of a dag away.
    ///
    /// # Errors
    /// When it has none, or one is no editor.
    pub async fn delete_webhook(&self, dag: &DagId) -> Result<(), ClientError> {
        self.delete(self.api(&["dags", dag.as_str(), "webhook"])).await
    }
}
