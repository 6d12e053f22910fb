//! What the server has that a definition can name. It is read when the editor is opened.

use crate::core::complete::Names;
use crate::core::http;
use crate::core::paths;
use crate::core::query::{Query, query};
use cofferdam_api_types::{
    AssetCollection, ComponentCollection, ComponentDetail, ComponentVersionDetail, ConnectionCollection, DagCollection,
    PoolCollection, VariableCollection,
};
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::Value;
use std::collections::HashMap;

/// As many as the server gives at once.
const MOST: &str = "?limit=1000";

/// See the module.
#[derive(Clone, Copy)]
pub struct Known {
    /// The JSON Schema of dags.
    pub schema: Schema,
    components: Query<ComponentCollection>,
    pools: Query<PoolCollection>,
    dags: Query<DagCollection>,
    variables: Query<VariableCollection>,
    connections: Query<ConnectionCollection>,
    assets: Query<AssetCollection>,
    functions: StoredValue<HashMap<String, Vec<String>>>,
}

/// The JSON Schema of dags, when it is there.
#[derive(Clone, Copy)]
pub struct Schema {
    /// The schema.
    pub data: RwSignal<Option<Value>>,
}

impl Known {
    /// Begins to read. What cannot be read is not offered, and nothing else depends on it.
    #[must_use]
    pub fn read() -> Self {
        let schema = Schema { data: RwSignal::new(None) };
        spawn_local(async move {
            if let Ok(read) = http::document::<Value>("/api/schemas/dag-1.json").await {
                schema.data.try_set(Some(read));
            }
        });
        Self {
            schema,
            components: query(|| Some(format!("/components{MOST}"))),
            pools: query(|| Some(format!("/pools{MOST}"))),
            dags: query(|| Some(format!("/dags{MOST}"))),
            variables: query(|| Some(format!("/variables{MOST}"))),
            connections: query(|| Some(format!("/connections{MOST}"))),
            assets: query(|| Some(format!("/assets{MOST}"))),
            functions: StoredValue::new(HashMap::new()),
        }
    }

    /// All names, with those of the functions that could be meant.
    #[must_use]
    pub fn names(self, functions: Vec<String>) -> Names {
        fn list<T: Send + Sync + 'static>(query: Query<T>, names: impl Fn(&T) -> Vec<String>) -> Vec<String> {
            query.data.try_with_untracked(|data| data.as_ref().map(|data| names(data))).flatten().unwrap_or_default()
        }
        Names {
            components: list(self.components, |it| it.components.iter().map(|it| it.name.to_string()).collect()),
            pools: list(self.pools, |it| it.pools.iter().map(|it| it.name.to_string()).collect()),
            dags: list(self.dags, |it| it.dags.iter().map(|it| it.dag_id.to_string()).collect()),
            variables: list(self.variables, |it| it.variables.iter().map(|it| it.key.to_string()).collect()),
            connections: list(self.connections, |it| it.connections.iter().map(|it| it.connection_id.to_string()).collect()),
            assets: list(self.assets, |it| it.assets.iter().map(|it| it.uri.clone()).collect()),
            functions,
            ..Names::default()
        }
    }

    /// The functions of the newest version of a component.
    pub async fn functions(self, component: &str) -> Vec<String> {
        if let Some(known) = self.functions.try_with_value(|known| known.get(component).cloned()).flatten() {
            return known;
        }
        let path = paths::component(component);
        let Ok(detail) = http::get::<ComponentDetail>(&path).await else { return Vec::new() };
        let Some(newest) = detail.versions.first() else { return Vec::new() };
        let version = format!("{path}/versions/{}", paths::segment(newest.digest.as_str()));
        let Ok(version) = http::get::<ComponentVersionDetail>(&version).await else { return Vec::new() };
        let names: Vec<String> = version.functions.iter().map(|it| it.name.clone()).collect();
        let _ = self.functions.try_update_value(|known| known.insert(component.to_owned(), names.clone()));
        names
    }
}
