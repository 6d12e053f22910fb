use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;

type Source = Box<dyn Error + Send + Sync + 'static>;

/// Why a call into the store failed, split by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL cannot be reached, is too busy, or undid the transaction in favour of another. Trying the whole
    /// transaction again may succeed.
    #[error("the database is not available right now")]
    Unavailable(#[source] Source),
    /// Something is there already, or still needed.
    #[error("{what}")]
    Conflict {
        /// What stands in the way, in words.
        what: Cow<'static, str>,
    },
    /// What the call is about does not exist (for this tenant).
    #[error("there is no {what}")]
    NotFound {
        /// What was looked for.
        what: Cow<'static, str>,
    },
    /// The values break a rule of the schema: a length, a range, a form.
    #[error("{what}")]
    Invalid {
        /// Which rule.
        what: Cow<'static, str>,
    },
    /// A stored value cannot be read. Somebody changed it by hand, or a later version wrote it.
    #[error("the value stored in {table}.{column} of row {row} cannot be read")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// A bug in Cofferdam or a setting of the database that it cannot work with.
    #[error("the database refused a statement")]
    Internal(#[source] Source),
}

impl StoreError {
    /// A missing thing, by its kind and its name.
    pub fn not_found(kind: &str, name: impl Display) -> Self {
        Self::NotFound { what: format!("{kind} '{name}'").into() }
    }

    /// Something in the way.
    pub fn conflict(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict { what: what.into() }
    }

    /// A value that breaks a rule.
    pub fn invalid(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// A stored value that cannot be read.
    pub fn corrupt(table: &'static str, column: &'static str, row: impl ToString) -> Self {
        Self::Corrupt { table, column, row: row.to_string() }
    }

    /// A misuse of the store by its caller.
    pub(crate) fn misuse(what: &'static str) -> Self {
        Self::Internal(what.into())
    }

    /// Whether the same transaction, tried again, may succeed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound { what: "such row".into() },
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                let constraint = database.constraint().unwrap_or_default();
                match code.as_str() {
                    "23505" => Self::Conflict { what: duplicate(constraint) },
                    "23503" => Self::Conflict { what: missing_or_needed(constraint) },
                    "23514" => Self::Invalid { what: format!("a value breaks the rule '{constraint}'").into() },
                    "22001" | "22003" | "22021" | "22P05" => {
                        Self::Invalid { what: "a value is too long, too large, or has a character that cannot be stored".into() }
                    }
                    // Serialization failure, deadlock, lock not available, statement timeout.
                    "40001" | "40P01" | "55P03" | "57014" => Self::Unavailable(error.into()),
                    // Connection trouble, out of resources, the server going down or coming up.
                    other if other.starts_with("08") || other.starts_with("53") || other.starts_with("57P") => {
                        Self::Unavailable(error.into())
                    }
                    // An idle transaction was ended.
                    "25P03" => Self::Unavailable(error.into()),
                    _ => Self::Internal(error.into()),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

fn duplicate(constraint: &str) -> Cow<'static, str> {
    match constraint {
        "tenants_name_key" => "a tenant with this name exists".into(),
        "users_tenant_id_username_key" => "a user with this name exists".into(),
        "components_tenant_id_name_key" => "a component with this name exists".into(),
        "component_versions_label" => "another version of this component has this label".into(),
        "dags_tenant_id_dag_id_key" => "a dag with this dag_id exists".into(),
        "dag_runs_dag_key_dag_run_id_key" => "a run with this dag_run_id exists".into(),
        "dag_runs_scheduled" => "the scheduled run of this interval exists".into(),
        "variables_pkey" => "a variable with this key exists".into(),
        "connections_pkey" => "a connection with this connection_id exists".into(),
        "pools_pkey" => "a pool with this name exists".into(),
        other => format!("this exists already ({other})").into(),
    }
}

fn missing_or_needed(constraint: &str) -> Cow<'static, str> {
    format!("something that this refers to does not exist, or something still refers to this ({constraint})").into()
}
