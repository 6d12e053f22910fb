//! Dead letters.

use crate::connection::read;
use crate::{Client, ClientError};
use cofferdam_api_types::{
    DeadLetter, DeadLetterCollection, DeadLetterDetail, DeadLetterListQuery, DeadLetterRetention, DeadLettersChanged,
    DiscardDeadLetter, DiscardDeadLetters, RetryDeadLetters, SetDeadLetterRetention,
};
use cofferdam_ids::DeadLetterId;
use reqwest::Method;

impl Client {
    /// Tasks that came to nothing and messages that could not be read, the latest first unless the query says otherwise.
    ///
    /// # Errors
    /// When the query is none, or the server refuses or cannot be reached.
    pub async fn list_dead_letters(&self, query: &DeadLetterListQuery) -> Result<DeadLetterCollection, ClientError> {
        self.get_with(self.api(&["deadLetters"]), query).await
    }

    /// A dead letter with its whole history.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn get_dead_letter(&self, id: DeadLetterId) -> Result<DeadLetterDetail, ClientError> {
        self.get(self.api(&["deadLetters", &id.to_string()])).await
    }

    /// Runs the task of a dead letter again.
    ///
    /// # Errors
    /// When there is none of that id, its task has not failed, or one is no operator.
    pub async fn retry_dead_letter(&self, id: DeadLetterId) -> Result<DeadLetter, ClientError> {
        self.post(self.api(&["deadLetters", &id.to_string(), "retry"]), &serde_json::json!({})).await
    }

    /// Runs the tasks of many dead letters again, or says which: see `dry_run` of the request, which is true by default.
    ///
    /// # Errors
    /// When too many are selected, or one is no operator.
    pub async fn retry_dead_letters(&self, request: &RetryDeadLetters) -> Result<DeadLettersChanged, ClientError> {
        self.post(self.api(&["deadLetters", "retry"]), request).await
    }

    /// Puts a dead letter aside.
    ///
    /// # Errors
    /// When there is none of that id, it is not open, or one is no operator.
    pub async fn discard_dead_letter(&self, id: DeadLetterId, request: &DiscardDeadLetter) -> Result<DeadLetter, ClientError> {
        self.post(self.api(&["deadLetters", &id.to_string(), "discard"]), request).await
    }

    /// Puts many dead letters aside, or says which: see `dry_run` of the request, which is true by default.
    ///
    /// # Errors
    /// When too many are selected, or one is no operator.
    pub async fn discard_dead_letters(&self, request: &DiscardDeadLetters) -> Result<DeadLettersChanged, ClientError> {
        self.post(self.api(&["deadLetters", "discard"]), request).await
    }

    /// How long the tenant keeps dead letters that were resolved or discarded.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn dead_letter_retention(&self) -> Result<DeadLetterRetention, ClientError> {
        self.get(self.api(&["deadLetters", "retention"])).await
    }

    /// Sets how many seconds the tenant keeps dead letters that were resolved or discarded; none for what the configuration says.
    ///
    /// # Errors
    /// When that is too long, or one is no admin.
    pub async fn set_dead_letter_retention(&self, kept_s: Option<u64>) -> Result<DeadLetterRetention, ClientError> {
        let url = self.api(&["deadLetters", "retention"]);
        let body = SetDeadLetterRetention { kept_s };
        read(self.send(|| self.request(Method::PUT, url.clone()).json(&body)).await?).await
    }
}
