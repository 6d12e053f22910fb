//! What a compiled task does.

use crate::approval::ApprovalWork;
use crate::definition::{ComponentRef, RunDagDate, RunDagDefinition};
use crate::job::Entry;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use cofferdam_ids::{DagId, Digest};
use serde::{Deserialize, Serialize};

/// What a task does. Stored among the fields of its task; a kind without a component is in a field of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TaskWork {
    /// A worker runs a component.
    Component(ComponentWork),
    /// The engine makes a run of another dag. The task's input is the run's `conf`.
    RunDag {
        /// Which, and how.
        run_dag: RunDagWork,
    },
    /// A person is asked. The task's input is what they are asked.
    Approval {
        /// Who, and what comes of it.
        approval: ApprovalWork,
    },
}

/// A component, and how it is entered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentWork {
    /// The component as the definition names it.
    pub component: ComponentRef,
    /// The component, by the digest of its bytes.
    pub digest: Digest,
    /// How it is entered, arguments included.
    pub entry: Entry,
}

/// A run of another dag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDagWork {
    /// The dag, of the same tenant.
    pub dag_id: DagId,
    /// Whether the task waits for the run's end and ends as it does.
    pub wait: bool,
    /// The moment that the run is for.
    pub logical_date: RunDagMoment,
    /// Milliseconds after which a task that waits fails; nothing for no bound.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// The moment that a run made by a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunDagMoment {
    /// When it is made.
    Now,
    /// That of the run whose task makes it.
    Parent,
    /// This one.
    At(DateTime<Utc>),
}

impl TaskWork {
    /// The component that a worker runs, if that is what the task does.
    #[must_use]
    pub const fn component(&self) -> Option<&ComponentWork> {
        match self {
            Self::Component(work) => Some(work),
            Self::RunDag { .. } | Self::Approval { .. } => None,
        }
    }

    /// What the task does, in one word: `component`, `run_dag` or `approval`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Component(_) => "component",
            Self::RunDag { .. } => "run_dag",
            Self::Approval { .. } => "approval",
        }
    }
}

impl RunDagWork {
    /// Compiles a definition. `timeout_ms` is the task's own `timeout`: that of `defaults` is for tries in sandboxes.
    pub(super) fn new(definition: &RunDagDefinition, timeout_ms: Option<u64>, timezone: Tz) -> Self {
        Self {
            dag_id: definition.dag_id.clone(),
            wait: definition.wait.unwrap_or(true),
            logical_date: match definition.logical_date {
                RunDagDate::Now => RunDagMoment::Now,
                RunDagDate::Parent => RunDagMoment::Parent,
                RunDagDate::At(moment) => RunDagMoment::At(moment.resolve(timezone)),
            },
            timeout_ms,
        }
    }
}
