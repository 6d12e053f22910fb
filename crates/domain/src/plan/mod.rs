//! A dag, compiled: the form that is stored with a dag version and that the engine runs.
//!
//! Tasks are in an order in which each comes after those it waits for, and refer to each other by position
//! (`task_index`). Names are resolved, settings merged, defaults filled in, components pinned by digest.

mod callback;
mod entry;
mod expand;
mod flow;
mod input;
mod mapped;
mod reach;
mod room;
#[cfg(test)]
mod tests;
mod types;
mod work;

pub use callback::DeadlinePlan;
pub use entry::Component;
pub(crate) use expand::MappedLength;
pub use expand::{ExpandError, Expansion, MappedValues};
pub use flow::{Decides, DecisionError, GroupPlan, LeftOut, TaskFlow, TeardownPlan};
pub use input::{InputError, InputTemplate, Reference, RenderError};
pub use mapped::{InMappedGroup, MappedGroup};
pub use room::{ConcurrencyKey, Gate, Gates, Past, TaskRoom};
pub use work::{ComponentWork, RunDagMoment, RunDagWork, TaskWork};

use crate::asset::Produced;
use crate::callback::Hooks;
use crate::definition::{
    ComponentRef, DagDefinition, Diagnostic, DiagnosticCode, Overlap, Param, ScheduleDefinition, TaskDefinition, TimeSpan,
    Wiring, WorkDefinition, check_params, conf_schema, declared_params, default_params, graph, templates, validate, wire,
};
use crate::grant::Grant;
use crate::job::Entry;
use crate::json_schema::SchemaProblem;
use crate::limits::Limits;
use crate::retry::RetryPolicy;
use crate::schedule::{Interval, Schedule, jitter, parse_timezone};
use crate::template::{Scope, Template};
use crate::trigger_rule::{TriggerRule, UpstreamCounts, Verdict};
use chrono::{DateTime, TimeDelta, Utc};
use cofferdam_ids::{DagId, PoolName, QueueName, TaskId, XComKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version of [`DagPlan`] that this code writes. It reads this one and all before.
pub const PLAN_VERSION: u32 = 4;

/// The version of a plan that has neither mapped groups nor questions for each item or until a moment: an earlier Cofferdam can read it,
/// too.
const UNGROUPED_VERSION: u32 = 3;

/// The version of one that has no approvals, callbacks and deadlines either.
const PLAIN_VERSION: u32 = 2;

/// How many runs of a dag run at once when it does not say (Airflow's default).
pub const DEFAULT_MAX_ACTIVE_RUNS: u32 = 16;

/// A compiled dag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DagPlan {
    /// The version of this form ([`PLAN_VERSION`]).
    pub v: u32,
    /// Its name.
    pub dag_id: DagId,
    /// One line that says what it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who answers for it.
    #[serde(default)]
    pub owners: Vec<String>,
    /// When it runs, as written; nothing for one that runs when triggered.
    #[serde(default)]
    pub schedule: Option<ScheduleDefinition>,
    /// The time zone of the schedule.
    pub timezone: String,
    /// No interval begins before it.
    #[serde(default)]
    pub start_date: Option<DateTime<Utc>>,
    /// No interval begins after it.
    #[serde(default)]
    pub end_date: Option<DateTime<Utc>>,
    /// Whether intervals that have passed are run too.
    pub catchup: bool,
    /// Milliseconds by which runs are spread.
    #[serde(default)]
    pub jitter_ms: u64,
    /// What happens when a run is due while another is not finished.
    #[serde(default)]
    pub overlap: Overlap,
    /// How many runs may run at once.
    pub max_active_runs: u32,
    /// How many task instances may be queued or run at once; nothing for no bound.
    #[serde(default)]
    pub max_active_tasks: Option<u32>,
    /// Milliseconds after which a run is stopped.
    #[serde(default)]
    pub run_timeout_ms: Option<u64>,
    /// Values that a run's `conf` may replace.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The groups of its tasks, those around others before them.
    #[serde(default)]
    pub groups: Vec<GroupPlan>,
    /// The parameters that are declared with a schema.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub declared_params: BTreeMap<String, Param>,
    /// The tasks; the position of each is its `task_index`.
    pub tasks: Vec<TaskPlan>,
    /// The callbacks: their `task_index` goes on where that of the tasks ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<TaskPlan>,
    /// Which of them are called for a run.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
    /// By when a run has to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DeadlinePlan>,
}

/// A compiled task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskPlan {
    /// Its position.
    pub task_index: i32,
    /// Its name.
    pub task_id: TaskId,
    /// What it does.
    #[serde(flatten)]
    pub work: TaskWork,
    /// The tasks it waits for, in order.
    pub upstream: Vec<i32>,
    /// The tasks that wait for it, in order.
    pub downstream: Vec<i32>,
    /// What it needs of those it waits for.
    pub trigger_rule: TriggerRule,
    /// What follows a failed try.
    pub retry: RetryPolicy,
    /// What a try may use.
    pub limits: Limits,
    /// What it may reach.
    #[serde(default)]
    pub grant: Grant,
    /// The highest goes first.
    pub priority: i32,
    /// The pool whose slots it takes.
    pub pool: PoolName,
    /// How many.
    pub pool_slots: u32,
    /// Which workers may take it.
    pub queue: QueueName,
    /// Its input (for a run of another dag, that run's conf), before anything is filled in.
    pub input: InputTemplate,
    /// What it is mapped over, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<Expansion>,
    /// Its arguments and environment variables (`args` and `env`), when something is filled in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<InputTemplate>,
    /// What its instances are called, when it is mapped and says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index_template: Option<InputTemplate>,
    /// Whether the run succeeds or fails by it: no task waits for it, apart from teardowns, and it is none itself.
    pub is_leaf: bool,
    /// Whether it is no task but a callback, which counts for nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_callback: bool,
    /// Which callbacks are called for it.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
    /// By when it has to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DeadlinePlan>,
    /// How it steers the run.
    #[serde(default)]
    pub flow: TaskFlow,
    /// What holds it back beside its trigger rule.
    #[serde(default)]
    pub room: TaskRoom,
    /// The assets that have changed when it succeeds.
    #[serde(default)]
    pub produces: Vec<Produced>,
    /// Documentation in Markdown.
    #[serde(default)]
    pub doc: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The most characters of the name of an instance; the rest is cut off.
const MAX_INSTANCE_NAME: usize = 250;

impl TaskPlan {
    /// What is filled in when it runs: its input, its arguments, and the name of the instance.
    fn filled_in(&self) -> impl Iterator<Item = &InputTemplate> {
        std::iter::once(&self.input).chain(&self.arguments).chain(&self.map_index_template)
    }

    /// What an instance with this input is called. One whose template cannot be rendered, or says nothing, has no name: that is no
    /// reason not to run it.
    #[must_use]
    pub fn instance_name(&self, scope: &Scope<'_>, input: &Value) -> Option<String> {
        // What an interpreter is given holds the script beside the input of the task.
        let within = match (&self.expand, &self.flow.mapped) {
            (Some(expand), _) => &expand.within,
            (None, Some(group)) => &group.within,
            (None, None) => "",
        };
        let input = input.pointer(within).unwrap_or(input);
        let rendered = self.map_index_template.as_ref()?.render(&Scope { input: Some(input), ..*scope }).ok()?;
        let name: String = rendered.as_str()?.trim().chars().take(MAX_INSTANCE_NAME).collect();
        (!name.is_empty()).then_some(name)
    }

    /// The XComs that its input and arguments take, each once.
    #[must_use]
    pub fn references(&self) -> Vec<(TaskId, XComKey)> {
        let mut found: Vec<_> = self.filled_in().flat_map(InputTemplate::references).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Whether anything is filled in.
    #[must_use]
    pub fn is_filled_in(&self) -> bool {
        self.expand.is_some() || self.filled_in().any(InputTemplate::is_filled_in)
    }

    /// Whether it asks for its item by name.
    fn takes_items(&self) -> bool {
        self.filled_in().any(|part| !part.items().is_empty())
    }

    /// The templates in what is filled in.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let lists = self.expand.iter().flat_map(Expansion::templates);
        self.filled_in().flat_map(|part| part.templates().into_iter().map(|(_, template)| template)).chain(lists)
    }

    /// Fills in how its component is entered: its arguments and environment variables.
    ///
    /// # Errors
    /// When a template cannot be rendered.
    pub fn entry(&self, work: &ComponentWork, scope: &Scope<'_>) -> Result<Entry, RenderError> {
        #[derive(Deserialize)]
        struct Arguments {
            args: Vec<String>,
            env: BTreeMap<String, String>,
        }
        let (Some(arguments), Entry::Command { .. }) = (&self.arguments, &work.entry) else { return Ok(work.entry.clone()) };
        let filled = arguments.render(scope).map_err(RenderError::in_arguments)?;
        // Texts make texts, so what is filled in has the form that it had.
        Ok(match Arguments::deserialize(filled) {
            Ok(Arguments { args, env }) => Entry::Command { args, env: env.into_iter().collect() },
            Err(_) => work.entry.clone(),
        })
    }
}

/// Why a component cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    /// What kind of mistake it is.
    pub code: DiagnosticCode,
    /// What is wrong, in a sentence without full stop.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
}

/// A stored plan that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanReadError {
    /// It is not one of ours.
    #[error("the stored plan of a dag cannot be read")]
    Malformed(#[from] serde_json::Error),
    /// It was written by a later version of Cofferdam.
    #[error("the plan has version {found}; this program reads versions up to {PLAN_VERSION}: upgrade it")]
    TooNew {
        /// Its version.
        found: u32,
    },
}

impl TaskPlan {
    /// Whether it is mapped, by itself or with its group: it starts out as one instance with the `map_index` -1, which becomes as many
    /// as there are items.
    #[must_use]
    pub const fn is_mapped(&self) -> bool {
        self.expand.is_some() || self.flow.mapped.is_some()
    }

    /// What becomes of an instance whose upstream tasks have ended like this. A task that is mapped over what others return
    /// waits for all of them: until then there is nothing to map over.
    #[must_use]
    pub fn verdict(&self, counts: &UpstreamCounts) -> Verdict {
        match self.trigger_rule.verdict(counts) {
            Verdict::Ready if !counts.all_done() && self.expand.as_ref().is_some_and(Expansion::needs_upstream) => Verdict::Wait,
            verdict => verdict,
        }
    }
}

impl DagPlan {
    /// Compiles a definition. `resolve` finds components; it is asked once for each.
    ///
    /// # Errors
    /// Everything that is wrong with the definition, warnings included: see [`validate`].
    pub fn compile(
        dag: &DagDefinition,
        resolve: impl Fn(&ComponentRef) -> Result<Component, ResolveError>,
    ) -> Result<Self, Vec<Diagnostic>> {
        Self::compile_noting(dag, resolve, &mut Vec::new())
    }

    /// The same; what looks wrong in a definition that can be compiled is put into `warnings`.
    ///
    /// # Errors
    /// See [`DagPlan::compile`].
    pub fn compile_noting(
        dag: &DagDefinition,
        resolve: impl Fn(&ComponentRef) -> Result<Component, ResolveError>,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut found = validate(dag);
        let components: BTreeMap<_, _> = dag.components().into_iter().map(|c| (c.clone(), resolve(&c))).collect();
        let timezone = parse_timezone(&dag.timezone).unwrap_or(chrono_tz::UTC);
        let mut works = Vec::with_capacity(dag.tasks.len());
        for (index, task) in dag.tasks.iter().enumerate() {
            let at = format!("/tasks/{index}");
            let named = match task.work() {
                Some(WorkDefinition::Component(named)) => named,
                Some(WorkDefinition::RunDag(run_dag)) => {
                    let run_dag = RunDagWork::new(run_dag, task.timeout.map(TimeSpan::ms), timezone);
                    works.push(Some(TaskWork::RunDag { run_dag }));
                    continue;
                }
                Some(WorkDefinition::Approval(approval)) => {
                    works.push(Some(TaskWork::Approval { approval: approval.work(&dag.timezone) }));
                    continue;
                }
                None => {
                    found.push(Diagnostic::error(DiagnosticCode::MissingField, at, "the field 'component' is missing"));
                    works.push(None);
                    continue;
                }
            };
            works.push(component_work(&at, task, named, &components, &mut found));
        }
        let mut callbacks = callback::of(dag);
        for callback in &mut callbacks {
            // One without a component was told by `validate`.
            let Some(named) = &callback.task.component else { continue };
            callback.work = component_work(&callback.at, &callback.task, named, &components, &mut found);
        }
        types::check(dag, &callbacks, &components, &mut found);
        if found.iter().any(Diagnostic::is_error) {
            return Err(found);
        }
        warnings.extend(found.iter().cloned());
        // Both were found to be right by `validate`.
        let Some(Wiring { upstream, groups }) = wire(dag, &mut Vec::new()) else { return Err(found) };
        let Ok(order) = graph::order(&upstream) else { return Err(found) };

        let mut index_of = vec![0_i32; order.len()];
        for (index, position) in (0_i32..).zip(&order) {
            index_of[*position] = index;
        }
        let mut tasks: Vec<TaskPlan> = Vec::with_capacity(order.len());
        let mut weight_rules = Vec::with_capacity(order.len());
        for (task_index, position) in (0_i32..).zip(&order) {
            let task = &dag.tasks[*position];
            let Some(work) = works[*position].take() else { return Err(found) };
            let settings = task.settings_or(&dag.defaults);
            let mut above: Vec<i32> = upstream[*position].iter().map(|other| index_of[*other]).collect();
            above.sort_unstable();
            weight_rules.push(settings.weight_rule.unwrap_or_default());
            let setups = above.iter().copied().filter(|index| tasks[usize::try_from(*index).unwrap_or(0)].flow.setup).collect();
            let flow = TaskFlow::new(task, setups);
            let room = TaskRoom::new(task, &settings);
            tasks.push(TaskPlan {
                task_index,
                task_id: task.task_id.clone(),
                work,
                upstream: above,
                downstream: Vec::new(),
                trigger_rule: match flow.teardown {
                    Some(_) => TriggerRule::AllDone,
                    None => settings.trigger_rule.unwrap_or_default(),
                },
                retry: settings.retry_policy(),
                limits: dag.limits_of(&settings),
                grant: settings.grant.unwrap_or_default(),
                priority: settings.priority.unwrap_or(0),
                pool: settings.pool.unwrap_or_else(PoolName::default_pool),
                pool_slots: settings.pool_slots.unwrap_or(1),
                queue: settings.queue.unwrap_or_else(QueueName::default_queue),
                input: match (&task.script, &task.approval, task.template().1) {
                    (Some(script), _, input) => InputTemplate::parse(&script.input(input)).map_err(|_| found.clone())?,
                    (None, Some(approval), _) => InputTemplate::parse(&approval.input()).map_err(|_| found.clone())?,
                    (None, None, None) => InputTemplate::default(),
                    (None, None, Some(input)) => InputTemplate::parse(input).map_err(|_| found.clone())?,
                },
                expand: expand::compile(task).map_err(|_| found.clone())?,
                map_index_template: crate::definition::expand::name_template(task).transpose().map_err(|_| found.clone())?,
                arguments: InputTemplate::parse(&templates::arguments(task)).ok().filter(InputTemplate::is_filled_in),
                is_leaf: false,
                is_callback: false,
                hooks: Hooks::default(),
                deadline: None,
                flow,
                room,
                produces: task.produces.clone(),
                doc: task.doc.clone(),
            });
        }
        for index in 0..tasks.len() {
            for above in tasks[index].upstream.clone() {
                let below = tasks[index].task_index;
                tasks[usize::try_from(above).unwrap_or(0)].downstream.push(below);
            }
        }
        let ignorable: Vec<bool> = tasks.iter().map(|task| task.flow.is_ignorable()).collect();
        let is_ignorable = |index: i32| ignorable[usize::try_from(index).unwrap_or(0)];
        for task in &mut tasks {
            task.is_leaf = !is_ignorable(task.task_index) && task.downstream.iter().all(|below| is_ignorable(*below));
        }
        let priorities = room::priorities(&tasks, &weight_rules);
        for (task, priority) in tasks.iter_mut().zip(priorities) {
            task.priority = priority;
        }
        let Some(groups) = mapped::groups(dag, &groups, &order, &mut tasks) else { return Err(found) };

        let mut plan = Self {
            v: PLAIN_VERSION,
            dag_id: dag.dag_id.clone(),
            description: dag.description.clone(),
            tags: dag.tags.clone(),
            owners: dag.owners.clone(),
            schedule: dag.schedule.clone(),
            timezone: dag.timezone.clone(),
            start_date: dag.start_date.map(|date| date.resolve(timezone)),
            end_date: dag.end_date.map(|date| date.resolve(timezone)),
            catchup: dag.catchup,
            jitter_ms: dag.jitter.map_or(0, TimeSpan::ms),
            overlap: dag.overlap.unwrap_or_default(),
            max_active_runs: dag.max_active_runs.unwrap_or(DEFAULT_MAX_ACTIVE_RUNS),
            max_active_tasks: dag.max_active_tasks,
            run_timeout_ms: dag.dagrun_timeout.map(TimeSpan::ms),
            params: default_params(&dag.params),
            declared_params: declared_params(&dag.params),
            groups,
            tasks,
            callbacks: Vec::new(),
            hooks: Hooks::default(),
            deadline: None,
        };
        if callback::attach(&mut plan, dag, callbacks, &index_of).is_none() {
            return Err(found);
        }
        let asks = plan.tasks.iter().any(|task| matches!(task.work, TaskWork::Approval { .. }));
        if asks || !plan.callbacks.is_empty() || plan.has_deadlines() {
            plan.v = UNGROUPED_VERSION;
        }
        let is_new = |task: &TaskPlan| match &task.work {
            TaskWork::Approval { approval } => approval.until_timezone.is_some() || task.expand.is_some(),
            TaskWork::Component(_) | TaskWork::RunDag { .. } => false,
        };
        if plan.tasks.iter().any(|task| task.flow.mapped.is_some() || task.takes_items() || is_new(task)) {
            plan.v = PLAN_VERSION;
        }
        Ok(plan)
    }

    /// Reads a stored plan, of this or an earlier version.
    ///
    /// # Errors
    /// When it is no plan, or one of a later version.
    pub fn from_json(value: Value) -> Result<Self, PlanReadError> {
        #[derive(Deserialize)]
        struct VersionOnly {
            v: u32,
        }
        let VersionOnly { v } = VersionOnly::deserialize(&value)?;
        if v > PLAN_VERSION {
            return Err(PlanReadError::TooNew { found: v });
        }
        Ok(serde_json::from_value(value)?)
    }

    /// The plan as it is stored.
    ///
    /// # Panics
    /// Never: a plan has only string keys.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a plan has only string keys")
    }

    /// Its schedule. A schedule that an older Cofferdam accepted and this one does not counts as none.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let timezone = parse_timezone(&self.timezone).unwrap_or(chrono_tz::UTC);
        self.schedule.as_ref().and_then(|schedule| schedule.times(timezone).ok()).unwrap_or_else(Schedule::never)
    }

    /// The interval of the next scheduled run, due when it has ended; `None` when no run follows.
    ///
    /// `last` is the logical date of the dag's last scheduled run. `applied_at` is when the dag was first applied: without a
    /// `start_date`, the interval of that moment is the first. See [`Schedule::due`].
    #[must_use]
    pub fn next_interval(&self, last: Option<DateTime<Utc>>, applied_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<Interval> {
        let schedule = self.schedule();
        let start = self.start_date.or_else(|| schedule.at_or_before(applied_at)).unwrap_or(applied_at);
        schedule.due(last, start, now, self.catchup).filter(|next| self.end_date.is_none_or(|end| next.start <= end))
    }

    /// When the scheduled run of an interval is due: at its end, and up to `jitter` later.
    #[must_use]
    pub fn due_at(&self, interval: Interval) -> DateTime<Utc> {
        let max = TimeDelta::milliseconds(i64::try_from(self.jitter_ms).unwrap_or(0));
        interval.end + jitter(&self.dag_id, interval, max)
    }

    /// How many runs may run at once: one, when they queue.
    #[must_use]
    pub const fn runs_at_once(&self) -> u32 {
        match self.overlap {
            Overlap::Queue => 1,
            Overlap::Allow | Overlap::Skip | Overlap::CancelPrevious => self.max_active_runs,
        }
    }

    /// What the run's input references see as its `conf`: `params`, with each value that `conf` gives in its place.
    #[must_use]
    pub fn effective_conf(&self, conf: &Value) -> Value {
        let mut merged = self.params.clone();
        if let Value::Object(given) = conf {
            merged.extend(given.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Value::Object(merged)
    }

    /// What is wrong with the values of a run, each with a pointer into its `conf`. `conf` is [`DagPlan::effective_conf`].
    #[must_use]
    pub fn check_conf(&self, conf: &Value) -> Vec<SchemaProblem> {
        check_params(&self.declared_params, conf)
    }

    /// The JSON Schema of a run's `conf`: what each parameter has to be like, and which must be given.
    #[must_use]
    pub fn conf_schema(&self) -> Value {
        conf_schema(&self.params, &self.declared_params)
    }

    /// A task, or a callback, by its position.
    #[must_use]
    pub fn task(&self, task_index: i32) -> Option<&TaskPlan> {
        let index = usize::try_from(task_index).ok()?;
        self.tasks.get(index).or_else(|| self.callbacks.get(index.checked_sub(self.tasks.len())?))
    }

    /// A task, or a callback, by its name.
    #[must_use]
    pub fn named(&self, task_id: &TaskId) -> Option<&TaskPlan> {
        self.task_named(task_id).or_else(|| self.callbacks.iter().find(|callback| callback.task_id == *task_id))
    }

    /// A task by its name.
    #[must_use]
    pub fn task_named(&self, task_id: &TaskId) -> Option<&TaskPlan> {
        self.tasks.iter().find(|task| task.task_id == *task_id)
    }
}

/// What a task or a callback does that runs a component.
fn component_work(
    at: &str,
    task: &TaskDefinition,
    named: &ComponentRef,
    components: &BTreeMap<ComponentRef, Result<Component, ResolveError>>,
    found: &mut Vec<Diagnostic>,
) -> Option<TaskWork> {
    match components.get(named)? {
        Ok(component) => {
            let entry = entry::entry(at, task, (named, component), found)?;
            Some(TaskWork::Component(ComponentWork { component: named.clone(), digest: component.digest.clone(), entry }))
        }
        Err(error) => {
            found.push(match &task.script {
                None => Diagnostic::error(error.code, format!("{at}/component"), error.message.as_str())
                    .maybe_help(error.help.clone()),
                Some(script) => {
                    let message = format!("a script in {} cannot be run here: {error}", script.language.as_str());
                    Diagnostic::error(error.code, format!("{at}/script"), message)
                        .help("the server installs its interpreters from the directory that its setting 'std_dir' names")
                }
            });
            None
        }
    }
}
