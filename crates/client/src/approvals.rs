//! What tasks ask people.

use crate::{Client, ClientError, TaskInstanceRef};
use cofferdam_api_types::{Approval, ApprovalCollection, ApprovalListQuery, Approve, Reject};

impl Client {
    /// What tasks of the tenant ask people, the latest first; those that are waited for, unless the query says otherwise.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_approvals(&self, query: &ApprovalListQuery) -> Result<ApprovalCollection, ClientError> {
        self.get_with(self.api(&["approvals"]), query).await
    }

    /// What a task has asked last. `map_index` is -1 for a task that is not mapped.
    ///
    /// # Errors
    /// When there is no such task, or it has asked nothing.
    pub async fn get_approval(&self, task: &TaskInstanceRef, map_index: i32) -> Result<Approval, ClientError> {
        self.get_with(task.url(self, &["approval"]), &[("map_index", map_index)]).await
    }

    /// Approves what a task asks.
    ///
    /// # Errors
    /// `not_asked` when others are asked, `conflict` when it was decided before.
    pub async fn approve(&self, task: &TaskInstanceRef, approve: &Approve) -> Result<Approval, ClientError> {
        self.post(task.url(self, &["approve"]), approve).await
    }

    /// Rejects what a task asks.
    ///
    /// # Errors
    /// `not_asked` when others are asked, `conflict` when it was decided before.
    pub async fn reject(&self, task: &TaskInstanceRef, reject: &Reject) -> Result<Approval, ClientError> {
        self.post(task.url(self, &["reject"]), reject).await
    }
}
