//! Backfills.

use crate::connection::read;
use crate::{Client, ClientError};
use cofferdam_api_types::{Backfill, BackfillCollection, BackfillListQuery, DryRunBackfill, NewBackfill};
use cofferdam_ids::BackfillId;
use reqwest::Method;

impl Client {
    /// Makes a backfill.
    ///
    /// # Errors
    /// When there is no such dag, it has no intervals between the dates, or one is no operator.
    pub async fn create_backfill(&self, new: &NewBackfill) -> Result<Backfill, ClientError> {
        self.post(self.api(&["backfills"]), new).await
    }

    /// What a backfill would do.
    ///
    /// # Errors
    /// As [`Client::create_backfill`].
    pub async fn dry_run_backfill(&self, new: &NewBackfill) -> Result<DryRunBackfill, ClientError> {
        self.post(self.api(&["backfills", "dry_run"]), new).await
    }

    /// The backfills, the latest first.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_backfills(&self, query: &BackfillListQuery) -> Result<BackfillCollection, ClientError> {
        self.get_with(self.api(&["backfills"]), query).await
    }

    /// A backfill.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn get_backfill(&self, id: BackfillId) -> Result<Backfill, ClientError> {
        self.get(self.api(&["backfills", &id.to_string()])).await
    }

    /// Stops a backfill from making runs.
    ///
    /// # Errors
    /// When there is none of that id, it has ended, or one is no operator.
    pub async fn pause_backfill(&self, id: BackfillId) -> Result<Backfill, ClientError> {
        self.change_backfill(id, "pause").await
    }

    /// Lets a paused backfill go on.
    ///
    /// # Errors
    /// As [`Client::pause_backfill`].
    pub async fn resume_backfill(&self, id: BackfillId) -> Result<Backfill, ClientError> {
        self.change_backfill(id, "unpause").await
    }

    /// Ends a backfill and its unfinished runs.
    ///
    /// # Errors
    /// As [`Client::pause_backfill`].
    pub async fn cancel_backfill(&self, id: BackfillId) -> Result<Backfill, ClientError> {
        self.change_backfill(id, "cancel").await
    }

    async fn change_backfill(&self, id: BackfillId, how: &str) -> Result<Backfill, ClientError> {
        let url = self.api(&["backfills", &id.to_string(), how]);
        read(self.send(|| self.request(Method::PUT, url.clone())).await?).await
    }
}
