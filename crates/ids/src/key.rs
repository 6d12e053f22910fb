use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new key, later in sort order than those made before it (UUID version 7).
            #[must_use]
            pub fn generate() -> Self { Self(Uuid::now_v7()) }

            /// Takes a key that was stored or sent as a plain UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self { Self(uuid) }

            /// The plain UUID, for storing and sending.
            #[must_use]
            pub const fn uuid(self) -> Uuid { self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Self) }
        }
    )*};
}

keys! {
    /// One of the parties that share an installation and do not trust each other.
    TenantId;
    /// A person or service account, within one tenant.
    UserId;
    /// A long-lived credential of a user. The id is public; the secret beside it is stored as a hash.
    ApiKeyId;
    /// One sign-in, from its first refresh token to its last.
    SessionId;
    /// A named component of a tenant; its versions are immutable.
    ComponentId;
    /// One uploaded version of a component.
    ComponentVersionId;
    /// A dag of a tenant, whatever its versions; `DagId` is the name its people gave it.
    DagKey;
    /// One applied definition of a dag; never changes.
    DagVersionId;
    /// A dag run; `DagRunId` is the name shown.
    RunKey;
    /// One task of one dag run (and one map index), whatever its tries.
    TaskInstanceId;
    /// A worker process, new at each start.
    WorkerId;
    /// An object that holds the logs of many tries.
    LogSegmentId;
    /// An entry of the audit log.
    AuditId;
    /// Runs of past intervals that are made together.
    BackfillId;
    /// A bundle of a tenant; [`BundleName`](crate::BundleName) is the name that its people gave it.
    BundleId;
    /// A task that came to nothing, or a message that could not be read, waiting for somebody to look at it.
    DeadLetterId;
}

/// The number of a lease. Grows with every claim, so that of two holders the later one can be told.
///
/// Every write of a worker carries it; see `ARCHITECTURE.md`, "Fencing".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseToken(pub i64);

impl TaskInstanceId {
    /// What runs outside of any run: the same always, since the random numbers of a task without chance follow from it.
    pub const LOCAL: Self = Self(Uuid::nil());
}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a leadership. Grows with every change of leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);
