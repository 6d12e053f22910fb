//! What tasks left, as it lies in the store: for who finds what no row names any more, and removes it.

use crate::{Objects, ObjectsError, TaskObject};
use chrono::{DateTime, Utc};
use cofferdam_ids::{RunKey, TaskInstanceId, TenantId};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};
use std::sync::Arc;

/// The folders of a tenant that hold what its tasks left.
const FOLDERS: [&str; 3] = ["artifacts", "checkpoints", "xcoms"];

/// An object that a task instance left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftObject {
    /// The tenant.
    pub tenant: TenantId,
    /// The run.
    pub run: RunKey,
    /// The task instance.
    pub instance: TaskInstanceId,
    /// What a row calls it. An artifact or checkpoint is stored under this name once and never again. None for an XCom: the task instance
    /// stores it at the same place whenever it has the same value.
    pub name: Option<String>,
    path: Path,
}

impl LeftObject {
    /// None for an object that lies there and is none of these.
    fn of(meta: ObjectMeta) -> Option<Self> {
        let parts: Vec<String> = meta.location.parts().map(|part| part.as_ref().to_owned()).collect();
        let [_, tenant, folder, run, instance, rest @ ..] = parts.as_slice() else { return None };
        let name = match (folder.as_str(), rest) {
            ("xcoms", [_, _]) => None,
            (_, [id]) => {
                let name = format!("1/{folder}/{run}/{instance}/{id}");
                Some(name.parse::<TaskObject>().ok()?.to_string())
            }
            _ => return None,
        };
        let (tenant, run, instance) = (tenant.parse().ok()?, run.parse().ok()?, instance.parse().ok()?);
        Some(Self { tenant, run, instance, name, path: meta.location })
    }
}

impl Objects {
    /// What the tasks of all tenants left before a time, in no order.
    ///
    /// # Errors
    /// When the store fails; so may each item.
    pub async fn left_by_tasks(
        &self,
        before: DateTime<Utc>,
    ) -> Result<BoxStream<'static, Result<LeftObject, ObjectsError>>, ObjectsError> {
        let tenants = self.store().list_with_delimiter(Some(&Path::from("tenants"))).await?.common_prefixes;
        let folders = tenants.into_iter().flat_map(|tenant| FOLDERS.map(|folder| tenant.clone().join(folder)));
        let store = Arc::clone(&self.store);
        let all = stream::iter(folders).flat_map(move |folder| store.list(Some(&folder))).map_err(ObjectsError::from);
        let left = move |meta: ObjectMeta| {
            let left = if meta.last_modified < before { LeftObject::of(meta) } else { None };
            std::future::ready(Ok(left))
        };
        Ok(all.try_filter_map(left).boxed())
    }

    /// Removes what a task left. One that is gone already is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove_left(&self, object: &LeftObject) -> Result<(), ObjectsError> {
        match self.store().delete(&object.path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
