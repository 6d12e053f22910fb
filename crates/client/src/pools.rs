//! Pools.

use crate::{Client, ClientError};
use cofferdam_api_types::{NewPool, OrderedPage, PatchPool, Pool, PoolCollection};
use cofferdam_ids::PoolName;

impl Client {
    /// The pools of the tenant, with what is taken of them.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_pools(&self, page: &OrderedPage) -> Result<PoolCollection, ClientError> {
        self.get_with(self.api(&["pools"]), page).await
    }

    /// A pool, with what is taken of it.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_pool(&self, name: &PoolName) -> Result<Pool, ClientError> {
        self.get(self.api(&["pools", name.as_str()])).await
    }

    /// Makes a pool.
    ///
    /// # Errors
    /// `conflict` when there is one of that name, or one is no editor.
    pub async fn create_pool(&self, new: &NewPool) -> Result<Pool, ClientError> {
        self.post(self.api(&["pools"]), new).await
    }

    /// Changes a pool.
    ///
    /// # Errors
    /// When there is none of that name, or one is no editor.
    pub async fn patch_pool(&self, name: &PoolName, patch: &PatchPool) -> Result<Pool, ClientError> {
        self.patch(self.api(&["pools", name.as_str()]), patch).await
    }

    /// Deletes a pool.
    ///
    /// # Errors
    /// When there is none of that name, it is used, or one is no editor.
    pub async fn delete_pool(&self, name: &PoolName) -> Result<(), ClientError> {
        self.delete(self.api(&["pools", name.as_str()])).await
    }
}
