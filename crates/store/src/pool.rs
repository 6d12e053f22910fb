use crate::{StoreError, schema_version};
use cofferdam_domain::context::Context;
use cofferdam_ids::TenantId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Postgres};
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// Which of the two database roles a store acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The API: row-level security shows it the tenant of each transaction and nothing else.
    Api,
    /// Schedulers and workers, which serve every tenant.
    System,
}

impl Access {
    const fn role(self) -> &'static str {
        match self {
            Self::Api => "cofferdam_api",
            Self::System => "cofferdam_system",
        }
    }

    /// How statements are planned. Schedulers and workers repeat a dozen statements on sets that come in as arrays: planning each
    /// anew took a third of a hop (`docs/decisions/0006-plan-once.md`). A plan made once must also be right when the tables
    /// have grown, so it may not scan whole tables.
    const fn planning(self) -> &'static str {
        match self {
            // Lists have many filters that are mostly not used: a plan for all of them reads whole tables. Starting processes for a
            // statement takes longer than a page should.
            Self::Api => "SET plan_cache_mode = force_custom_plan; SET jit = off; SET max_parallel_workers_per_gather = 0; ",
            Self::System => {
                "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; \
                 SET enable_mergejoin = off; SET jit = off; "
            }
        }
    }
}

/// How a store uses its connections.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// The most connections open at once.
    pub max_connections: u32,
    /// How long a caller waits for one.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// What `pg_stat_activity` shows, so that a person can tell who holds a lock.
    pub application_name: String,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            application_name: "cofferdam".to_owned(),
        }
    }
}

/// How busy a store's connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Open connections.
    pub open: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// The most that may be open.
    pub max: u32,
}

/// A pool of connections to PostgreSQL, all in one role. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    access: Access,
}

impl Store {
    /// Opens a pool, after a first connection has shown that the database is fit for it.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the URL is malformed; [`StoreError::Conflict`] when the database was not migrated to this version,
    /// or does not let this user assume the role; [`StoreError::Unavailable`] when it cannot be reached.
    pub async fn connect(url: &str, access: Access, options: PoolOptions) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::invalid(format!("the database URL cannot be read: {error}")))?
            .application_name(&options.application_name)
            // All queries of the store: a connection prepares each of them once.
            .statement_cache_capacity(500);
        // One round trip per connection. An idle transaction holds locks and keeps dead rows, hence its own limit.
        let prepare = format!(
            "{}SET ROLE {}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = 60000",
            access.planning(),
            access.role(),
            options.statement_timeout.as_millis()
        );
        check(&connect, access, &prepare, options.acquire_timeout).await?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            // A transaction that finds its connection dead is tried again by its caller; a ping before each would cost
            // a round trip every time.
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let prepare = prepare.clone();
                Box::pin(async move {
                    connection.execute(AssertSqlSafe(prepare)).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(connect);
        Ok(Self { pool, access })
    }

    /// Begins a transaction for the tenant of `context`.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn begin(&self, context: &Context) -> Result<Tx<'static>, StoreError> {
        Ok(Tx { inner: self.open(Some(context.tenant)).await?, context: context.clone() })
    }

    /// Begins a transaction that sees every tenant's rows. For schedulers, workers and reconcilers; `part` names which.
    ///
    /// Its context has the nil tenant, which exists nowhere: a function that is about one tenant finds nothing with it.
    ///
    /// # Errors
    /// When no connection is to be had, or this store acts for the API.
    pub async fn begin_across_tenants(&self, part: &'static str) -> Result<Tx<'static>, StoreError> {
        match self.access {
            Access::System => Ok(Tx { inner: self.open(None).await?, context: nobody(part) }),
            Access::Api => Err(StoreError::misuse("the API has no business with every tenant's rows")),
        }
    }

    /// Which role this store acts as.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Asks the server for an answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.execute("SELECT 1").await?;
        Ok(())
    }

    /// How busy the connections are.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        PoolStatus {
            open: self.pool.size(),
            idle: u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX),
            max: self.pool.options().get_max_connections(),
        }
    }

    /// Closes every connection, those in use when their transaction ends.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction before it is known whose it is; [`Tx::enter`] makes it one of a tenant.
    pub(crate) async fn begin_without_tenant(&self, part: &'static str) -> Result<Tx<'static>, StoreError> {
        Ok(Tx { inner: self.open(None).await?, context: nobody(part) })
    }

    async fn open(&self, tenant: Option<TenantId>) -> Result<sqlx::Transaction<'static, Postgres>, StoreError> {
        let begin = match tenant {
            // A UUID holds nothing that could end the quotes. Both statements go in one round trip.
            Some(tenant) => format!("BEGIN; SET LOCAL cofferdam.tenant = '{}'", tenant.uuid()),
            None => "BEGIN".to_owned(),
        };
        // Idle connections die when the server restarts. Nothing was done yet, so another try is safe; each takes one dead
        // connection out of the pool, and a fresh one tells whether the server is really gone.
        let mut dead = self.pool.size();
        loop {
            match self.pool.begin_with(AssertSqlSafe(begin.clone())).await {
                Err(error) if dead > 0 && is_dead_connection(&error) => dead -= 1,
                other => return Ok(other?),
            }
        }
    }
}

/// The context of a transaction that is no tenant's.
fn nobody(part: &'static str) -> Context {
    Context::system(TenantId::from_uuid(Uuid::nil()), part)
}

/// Looks once whether the database can be worked with, so that the caller is told what is wrong. The pool itself would only
/// try again until its time is over.
async fn check(connect: &PgConnectOptions, access: Access, prepare: &str, patience: Duration) -> Result<(), StoreError> {
    let opened = tokio::time::timeout(patience, PgConnection::connect_with(connect)).await;
    let mut connection = opened.map_err(|elapsed| StoreError::Unavailable(elapsed.into()))??;
    let newest: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(&mut connection).await;
    let found = match newest {
        Ok(found) => found.unwrap_or(0),
        // There is no such table.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42P01") => 0,
        Err(error) => return Err(error.into()),
    };
    let needed = schema_version();
    if found < needed {
        return Err(StoreError::conflict(format!(
            "the database has the schema of migration {found}, and this version of Cofferdam needs {needed}: run 'cofferdam migrate'"
        )));
    }
    match connection.execute(AssertSqlSafe(prepare.to_owned())).await {
        // Not allowed, or no such role.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42501" || code == "22023") => {
            let role = access.role();
            return Err(StoreError::conflict(format!(
                "the database's user may not act as '{role}': GRANT {role} TO that user, or migrate as it"
            )));
        }
        done => done?,
    };
    connection.close().await?;
    Ok(())
}

fn is_dead_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // What a server that shuts down says on its idle connections.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P01"),
        _ => false,
    }
}

/// A transaction: what every function of the store takes. Dropping it without [`Tx::commit`] undoes it.
#[derive(Debug)]
pub struct Tx<'a> {
    inner: sqlx::Transaction<'a, Postgres>,
    context: Context,
}

impl Tx<'_> {
    /// Makes what was done last.
    ///
    /// # Errors
    /// When the server undid it instead. After [`StoreError::Unavailable`] it is not known which happened.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    /// Undoes everything and waits until that is done.
    ///
    /// # Errors
    /// When the server cannot be reached; it then undoes it by itself.
    pub async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }

    /// Who acts, and for which tenant.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The tenant, as the queries bind it.
    pub(crate) const fn tenant(&self) -> Uuid {
        self.context.tenant.uuid()
    }

    /// Makes it a transaction of this tenant, whose rows it sees from here on.
    pub(crate) async fn enter(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        sqlx::query!("SELECT set_config('cofferdam.tenant', $1, true)", tenant.to_string()).fetch_one(self.conn()).await?;
        self.context.tenant = tenant;
        Ok(())
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}
