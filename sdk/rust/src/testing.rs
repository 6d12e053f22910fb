//! A stand-in for the host, for tests of tasks outside of a sandbox. Absent from components.
//!
//! Log messages and progress go to stderr. XComs, variables, connections, the checkpoint, artifacts and the answers of other
//! servers are kept per thread, so that tests do not see each other's.
//!
//! ```
//! # use serde_json::json;
//! use cofferdam::{testing, xcom};
//!
//! testing::give_xcom("fetch", xcom::RETURN_VALUE, &json!({"rows": 3}));
//! let rows: Option<serde_json::Value> = xcom::pull("fetch").unwrap();
//! assert_eq!(rows.unwrap()["rows"], 3);
//!
//! let context = testing::context().with_conf(json!({"year": 2012}));
//! assert_eq!(context.conf::<u16>("year").unwrap(), Some(2012));
//! ```

pub(crate) mod artifacts;
pub(crate) mod http;

pub use artifacts::{give_artifact, written_artifact};
pub use http::{give_response, sent_requests};

use crate::config::{self, Connection};
use crate::{Context, checkpoint, xcom::Error};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap};

/// What other tasks returned or pushed: by the task, the key and the position in a mapped task.
type Given = BTreeMap<(String, String, Option<u32>), String>;

thread_local! {
    static PUSHED: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
    static VARIABLES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
    static CONNECTIONS: RefCell<BTreeMap<String, Connection>> = const { RefCell::new(BTreeMap::new()) };
    static CHECKPOINT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
    static GIVEN: RefCell<Given> = const { RefCell::new(BTreeMap::new()) };
}

/// A context as the first try of a task would see it.
#[must_use]
pub fn context() -> Context {
    Context {
        dag_id: "example".into(),
        dag_run_id: "manual__2026-11-21T00:00:00Z".into(),
        task_id: "task".into(),
        map_index: None,
        try_number: 1,
        max_tries: 1,
        logical_date: "2026-11-21T00:00:00Z".into(),
        data_interval_start: "2026-11-20T00:00:00Z".into(),
        data_interval_end: "2026-11-21T00:00:00Z".into(),
        conf: Value::Object(serde_json::Map::new()),
        idempotency_key: "example/manual__2026-11-21T00:00:00Z/task".into(),
        deadline: None,
    }
}

impl Context {
    /// The same context, of a run triggered with this.
    #[must_use]
    pub fn with_conf(mut self, conf: Value) -> Self {
        self.conf = conf;
        self
    }
}

/// Makes a value available to [`crate::xcom::pull`], as if a task had left it.
pub fn give_xcom(task_id: &str, key: &str, value: &Value) {
    GIVEN.with_borrow_mut(|given| given.insert((task_id.to_owned(), key.to_owned(), None), value.to_string()));
}

/// What the code under test left under a key.
#[must_use]
pub fn pushed_xcom(key: &str) -> Option<Value> {
    PUSHED.with_borrow(|pushed| pushed.get(key).and_then(|text| serde_json::from_str(text).ok()))
}

/// Makes a variable available to [`crate::config::variable`].
pub fn give_variable(key: &str, value: &str) {
    VARIABLES.with_borrow_mut(|variables| variables.insert(key.to_owned(), value.to_owned()));
}

/// Makes a connection available to [`crate::config::connection`].
pub fn give_connection(connection: Connection) {
    CONNECTIONS.with_borrow_mut(|connections| connections.insert(connection.connection_id.clone(), connection));
}

#[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
pub(crate) fn variable(key: &str) -> Result<Option<String>, config::Error> {
    Ok(VARIABLES.with_borrow(|variables| variables.get(key).cloned()))
}

#[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
pub(crate) fn connection(connection_id: &str) -> Result<Option<Connection>, config::Error> {
    Ok(CONNECTIONS.with_borrow(|connections| connections.get(connection_id).cloned()))
}

#[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
pub(crate) fn save_checkpoint(data: &[u8]) -> Result<(), checkpoint::Error> {
    CHECKPOINT.set(Some(data.to_vec()));
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
pub(crate) fn load_checkpoint() -> Result<Option<Vec<u8>>, checkpoint::Error> {
    Ok(CHECKPOINT.with_borrow(Clone::clone))
}

#[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
pub(crate) fn clear_checkpoint() -> Result<(), checkpoint::Error> {
    CHECKPOINT.set(None);
    Ok(())
}

pub(crate) fn push(key: &str, value: &str) -> Result<(), Error> {
    if key == crate::xcom::RETURN_VALUE {
        return Err(Error::InvalidName(format!("the key '{key}' is kept for what the task returns")));
    }
    PUSHED.with_borrow_mut(|pushed| pushed.insert(key.to_owned(), value.to_owned()));
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the host can refuse")]
pub(crate) fn pull(task_id: &str, key: &str, map_index: Option<u32>) -> Result<Option<String>, Error> {
    let name = (task_id.to_owned(), key.to_owned(), map_index);
    Ok(GIVEN.with_borrow(|given| given.get(&name).cloned()))
}

/// Runs a task through its JSON form, as the sandbox does.
///
/// # Errors
/// What the task returns, and a fatal error when the input does not fit.
pub fn run_json<I, O>(task: impl Fn(I) -> crate::Result<O>, input: &Value) -> crate::Result<Value>
where
    I: serde::de::DeserializeOwned,
    O: serde::Serialize,
{
    let output = crate::__private::write_output(task(crate::__private::read_input(&input.to_string())?))?;
    serde_json::from_str(&output).map_err(crate::Error::from)
}
