//! Who asks, and for which tenant.

use cofferdam_ids::{TenantId, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a principal may do in its tenant. Each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything but secrets.
    Viewer,
    /// Triggers, cancels, pauses, clears.
    Operator,
    /// Uploads components and applies dags.
    Editor,
    /// Manages users, keys and policy.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: &[Self] = &[Self::Viewer, Self::Operator, Self::Editor, Self::Admin];

    /// The role as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// Reads what [`Role::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text)
    }
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A signed-in person or a service account.
    User {
        /// Its id.
        id: UserId,
        /// Its name, for the audit log.
        name: String,
    },
    /// Cofferdam itself: a schedule, a reconciler. The text names which.
    System(&'static str),
}

impl fmt::Display for Principal {
    /// The name that stands in the audit log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { name, .. } => f.write_str(name),
            Self::System(part) => write!(f, "cofferdam ({part})"),
        }
    }
}

/// The authorisation context: every call into the store takes one and sees that tenant's rows only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The tenant whose rows are meant.
    pub tenant: TenantId,
    /// Who asks.
    pub principal: Principal,
    /// What it may do.
    pub role: Role,
    /// Ties log lines and audit entries of one request together.
    pub request_id: String,
}

/// The principal's role does not include what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the role '{}'; you have '{}'", needed.as_str(), held.as_str())]
pub struct RoleTooLow {
    /// The least role that may do it.
    pub needed: Role,
    /// The role that the principal has.
    pub held: Role,
}

impl Context {
    /// The context of Cofferdam's own work for a tenant.
    #[must_use]
    pub fn system(tenant: TenantId, part: &'static str) -> Self {
        Self { tenant, principal: Principal::System(part), role: Role::Admin, request_id: String::new() }
    }

    /// Checks the role.
    ///
    /// # Errors
    /// When the principal's role is lower than `needed`.
    pub fn require(&self, needed: Role) -> Result<(), RoleTooLow> {
        if self.role >= needed { Ok(()) } else { Err(RoleTooLow { needed, held: self.role }) }
    }

    /// The acting user, when it is one.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match &self.principal {
            Principal::User { id, .. } => Some(*id),
            Principal::System(_) => None,
        }
    }
}
