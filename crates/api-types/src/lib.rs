//! What goes over the wire: the bodies of the REST API, problem documents, error codes, and the event stream.
//!
//! These types are not those of the domain: they only change in ways that a client of an earlier version can bear (a new
//! optional field, a new variant at the end). The server converts at its edge. Names and shapes follow Airflow's stable REST
//! API where it has the same thing.

mod action;
mod airflow;
mod approval;
mod artifact;
mod asset;
mod auth;
mod backfill;
mod bundle;
mod calendar;
mod callback;
mod component;
mod config;
mod dag;
mod dag_run;
mod dataset;
mod dead_letter;
mod event;
mod log;
mod operations;
mod page;
mod pool;
mod problem;
mod standalone;
mod task_instance;
mod task_summary;
mod trial;
mod webhook;
mod xcom;

pub use action::{
    ClearDagRun, ClearTaskInstances, MarkedRunState, MarkedState, RunTask, SetNote, TaskInstanceReference,
    TaskInstanceReferenceCollection, UpdateDagRunState, UpdateTaskInstance, UpdateTaskInstancesState,
};
pub use airflow::{
    ActionCollection, ActionResource, AirflowDag, AirflowDagDetail, AirflowHealth, ClassReference, ConfigOption, ConfigSection,
    ConfigSections, ConnectionTest, DagProcessorStatus, DagSource, DagStats, DagStatsCollection, DagStatsState, EventLog,
    EventLogCollection, ExtraLink, ExtraLinkCollection, FailedDependency, FailedDependencyCollection, ImportError,
    ImportErrorCollection, ListDagRunsForm, ListTaskInstancesForm, NamedItem, Nothing, PartStatus, PatchedDags, PluginCollection,
    Provider, ProviderCollection, RoleCollection, RoleDetail, ScheduleInterval, SchedulerStatus, Tag, Task, TaskCollection,
    TimeDelta, TriggererStatus,
};
pub use approval::{
    Approval, ApprovalCollection, ApprovalDecision, ApprovalListQuery, ApprovalSelection, ApprovalState, Approve, Approvers,
    OnExpiry, Reject,
};
pub use artifact::{Artifact, ArtifactCollection};
pub use asset::{
    Asset, AssetCollection, AssetEvent, AssetEventCollection, AssetEventListQuery, AssetGraph, AssetGraphEdge, AssetGraphKind,
    AssetGraphNode, AssetListQuery, ConsumingDag, CreatedDagRun, NewAssetEvent, ProducingTask,
};
pub use auth::{
    ApiKey, ApiKeyCollection, CreateApiKey, CreateUser, CreatedApiKey, LoginRequest, Me, RefreshRequest, Role, RoleName,
    TokenResponse, UpdateUser, User, UserAccount, UserCollection,
};
pub use backfill::{
    Backfill, BackfillCollection, BackfillForecast, BackfillListQuery, BackfillProgress, BackfillState, DryRunBackfill,
    DryRunInterval, NewBackfill, ReprocessBehavior,
};
pub use bundle::{
    Bundle, BundleCollection, BundleDag, BundleDetail, BundleFile, BundleFileCollection, BundleFileListQuery, BundleKind,
    BundleSource, BundleSynced, DagOrigin, SyncBundle, SyncContent, SyncFile, SyncOutcome, SyncedDag, SyncedFile,
    WorkflowReference, WrittenDag, WrittenDags,
};
pub use calendar::{CalendarDay, DagCalendar, DagCalendarQuery};
pub use callback::{Callback, CallbackCollection, CallbackEvent, Deadline, DeadlineCollection, DeadlineFrom};
pub use component::{
    BrokenDag, Component, ComponentCollection, ComponentDetail, ComponentImpact, ComponentKind, ComponentUpload,
    ComponentVersion, ComponentVersionDetail, ExportedFunction, FunctionParameter, ImportedInterface,
};
pub use config::{
    Connection, ConnectionCollection, NewConnection, NewVariable, PatchConnection, PatchVariable, UpdateMask, Variable,
    VariableCollection,
};
pub use dag::{
    AppliedDag, CompiledDag, Dag, DagChanges, DagCollection, DagDetail, DagDetailQuery, DagEdge, DagGroup, DagListQuery, DagTask,
    DagVersionSummary, DeletedDag, FieldChange, NextRun, PatchDag, RecentRun, RepinnedTask, TaskChange,
};
pub use dag_run::{DagRun, DagRunCollection, DagRunListQuery, DagRunState, DagRunType, TriggerDagRun};
pub use dataset::{
    CreateDatasetEvent, Dataset, DatasetCollection, DatasetConsumer, DatasetDagRun, DatasetEvent, DatasetEventCollection,
    DatasetProducer, QueuedEvent, QueuedEventCollection,
};
pub use dead_letter::{
    DeadLetter, DeadLetterCollection, DeadLetterDetail, DeadLetterFilter, DeadLetterKind, DeadLetterListQuery,
    DeadLetterReference, DeadLetterResolution, DeadLetterRetention, DeadLetterState, DeadLetterTry, DeadLettersChanged,
    DiscardDeadLetter, DiscardDeadLetters, RetryDeadLetters, SetDeadLetterRetention, UndecodableMessage,
};
pub use event::{Event, SentEvent, StreamMessage};
pub use log::{LogFrame, LogLevel, LogLine, LogPage, LogQuery, LogStream};
pub use operations::{CheckedPart, DeepHealth, Health, HealthStatus, VersionInfo, WorkerSummary, WorkerWall};
pub use page::{OrderedPage, Page};
pub use pool::{NewPool, PatchPool, Pool, PoolCollection};
pub use problem::{
    Diagnostic, DiagnosticLabel, DiagnosticSuggestion, ErrorCode, Problem, Severity, SourceLine, TextPlace, TextSpan,
};
pub use standalone::{PutTask, StandaloneTask, StandaloneTaskCollection, StandaloneTaskListQuery};
pub use task_instance::{
    Reason, Receipt, RenderedInput, TaskInstance, TaskInstanceCollection, TaskInstanceListQuery, TaskState, Try, TryCollection,
    TryEnding,
};
pub use task_summary::{TaskSummary, TaskSummaryCollection};
pub use trial::{FunctionTried, TryFunction, WorkflowDefined};
pub use webhook::{
    Webhook, WebhookAnswer, WebhookCollection, WebhookDelivery, WebhookDeliveryCollection, WebhookListQuery, WebhookOutcome,
    WebhookRefusal,
};
pub use xcom::{XCom, XComCollection, XComEntry};

/// Where every endpoint of the REST API starts.
pub const API_BASE: &str = "/api/v1";

/// The header that makes a repeated POST return what the first one made.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header that names a request in logs and in the audit log.
pub const REQUEST_ID: &str = "X-Request-Id";

/// The header that a browser adds to changes, so that a form of another site cannot make them. Any value will do.
pub const CSRF_HEADER: &str = "X-Cofferdam-Request";

/// The media type of a [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";
