//! XComs that are too large for a row.

use crate::component::{check_digest, digest_of, shard, work_on};
use crate::open::check_size;
use crate::{Objects, ObjectsError};
use bytes::Bytes;
use cofferdam_ids::{Digest, RunKey, TaskInstanceId, TenantId};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where a large XCom lies, within its tenant: what the row keeps in place of the value. As text it is
/// `1/<run>/<task instance>/<digest>/<bytes>`, the first part being the version of the format.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct XComReference {
    /// The run of the task.
    pub run: RunKey,
    /// The task that pushed it.
    pub instance: TaskInstanceId,
    /// The digest of the value.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: u64,
}

/// A text that is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a reference to an XCom")]
pub struct XComReferenceError(String);

impl XComReference {
    fn path(&self, tenant: TenantId) -> Path {
        let (tenant, run, instance) = (tenant.to_string(), self.run.to_string(), self.instance.to_string());
        let parts = ["tenants", &tenant, "xcoms", &run, &instance, shard(&self.digest), self.digest.as_str()];
        Path::from_iter(parts)
    }
}

impl fmt::Display for XComReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}/{}/{}/{}", self.run, self.instance, self.digest, self.bytes)
    }
}

impl FromStr for XComReference {
    type Err = XComReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split('/');
            (parts.next()? == "1").then_some(())?;
            let run = parts.next()?.parse().ok()?;
            let instance = parts.next()?.parse().ok()?;
            let digest = Digest::new(parts.next()?).ok()?;
            let bytes = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(Self { run, instance, digest, bytes })
        };
        parse().ok_or_else(|| XComReferenceError(text.to_owned()))
    }
}

impl TryFrom<String> for XComReference {
    type Error = XComReferenceError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<XComReference> for String {
    fn from(reference: XComReference) -> Self {
        reference.to_string()
    }
}

impl Objects {
    /// Stores the value of an XCom. The same value of the same task instance is stored once, whatever its key.
    ///
    /// # Errors
    /// When the value is too large, or the store fails.
    pub async fn put_xcom(
        &self,
        tenant: TenantId,
        run: RunKey,
        instance: TaskInstanceId,
        value: Bytes,
    ) -> Result<XComReference, ObjectsError> {
        let bytes = value.len() as u64;
        check_size("XCom", bytes, self.config.max_xcom_bytes)?;
        let digest = work_on(&value, digest_of).await?;
        let reference = XComReference { run, instance, digest, bytes };
        self.put(&reference.path(tenant), value.into()).await?;
        Ok(reference)
    }

    /// The value of an XCom, checked against its digest.
    ///
    /// # Errors
    /// When this tenant has no such XCom, its bytes are damaged, or the store fails.
    pub async fn get_xcom(&self, tenant: TenantId, reference: &XComReference) -> Result<Bytes, ObjectsError> {
        let value = self.get(&reference.path(tenant), "XCom", self.config.max_xcom_bytes).await?;
        check_digest(&reference.digest, &value).await?;
        Ok(value)
    }
}
