//! Assets.

use crate::{Client, ClientError};
use cofferdam_api_types::{
    Asset, AssetCollection, AssetEvent, AssetEventCollection, AssetEventListQuery, AssetGraph, AssetListQuery, NewAssetEvent,
};

impl Client {
    /// The assets of the tenant.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_assets(&self, query: &AssetListQuery) -> Result<AssetCollection, ClientError> {
        self.get_with(self.api(&["assets"]), query).await
    }

    /// An asset.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn get_asset(&self, uri: &str) -> Result<Asset, ClientError> {
        self.get(self.api(&["assets", uri])).await
    }

    /// What has happened to assets, the latest first.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn list_asset_events(&self, query: &AssetEventListQuery) -> Result<AssetEventCollection, ClientError> {
        self.get_with(self.api(&["assets", "events"]), query).await
    }

    /// Which dags produce which assets, and which wait for them.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn get_asset_graph(&self) -> Result<AssetGraph, ClientError> {
        self.get(self.api(&["assets", "graph"])).await
    }

    /// Tells that an asset has changed.
    ///
    /// # Errors
    /// When that is no name of an asset, or one is no operator.
    pub async fn create_asset_event(&self, new: &NewAssetEvent) -> Result<AssetEvent, ClientError> {
        self.post(self.api(&["assets", "events"]), new).await
    }
}
