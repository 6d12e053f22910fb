//! Bundles and import errors.

use crate::{Client, ClientError};
use cofferdam_api_types::{
    BundleCollection, BundleDetail, BundleFileCollection, BundleFileListQuery, BundleSynced, ImportError, ImportErrorCollection,
    Page, SyncBundle,
};
use cofferdam_ids::BundleName;

impl Client {
    /// The bundles of the tenant.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_bundles(&self, page: &Page) -> Result<BundleCollection, ClientError> {
        self.get_with(self.api(&["bundles"]), page).await
    }

    /// A bundle, with its dags.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_bundle(&self, name: &BundleName) -> Result<BundleDetail, ClientError> {
        self.get(self.api(&["bundles", name.as_str()])).await
    }

    /// The files of a bundle, with what is wrong with them.
    ///
    /// # Errors
    /// When there is no bundle of that name.
    pub async fn list_bundle_files(
        &self,
        name: &BundleName,
        query: &BundleFileListQuery,
    ) -> Result<BundleFileCollection, ClientError> {
        self.get_with(self.api(&["bundles", name.as_str(), "files"]), query).await
    }

    /// Applies files of a bundle. It can be repeated.
    ///
    /// # Errors
    /// When one is no editor. What is wrong with a file is in the answer.
    pub async fn sync_bundle(&self, name: &BundleName, sync: &SyncBundle) -> Result<BundleSynced, ClientError> {
        self.post(self.api(&["bundles", name.as_str(), "sync"]), sync).await
    }

    /// Forgets a bundle; its dags stay.
    ///
    /// # Errors
    /// When there is none of that name, or one is no editor.
    pub async fn delete_bundle(&self, name: &BundleName) -> Result<(), ClientError> {
        self.delete(self.api(&["bundles", name.as_str()])).await
    }

    /// What is wrong with files of all bundles.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_import_errors(&self, page: &Page) -> Result<ImportErrorCollection, ClientError> {
        self.get_with(self.api(&["importErrors"]), page).await
    }

    /// What is wrong with one file.
    ///
    /// # Errors
    /// When there is none of that number.
    pub async fn get_import_error(&self, id: i64) -> Result<ImportError, ClientError> {
        self.get(self.api(&["importErrors", &id.to_string()])).await
    }
}
