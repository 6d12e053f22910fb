//! Dead letters.

use crate::{Client, ClientError};
use cofferdam_api_types::{
    DeadLetter, DeadLetterCollection, DeadLetterDetail, DeadLetterListQuery, DeadLettersChanged, DiscardDeadLetter,
    DiscardDeadLetters, RetryDeadLetters,
};
use cofferdam_ids::DeadLetterId;

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
}
