//! The JSON Schema of a dag, for editors: `docs/schemas/dag-1.schema.json`.
//!
//! It knows fields, types and bounds; what only shows in the whole is left to [`validate`](super::validate). It is narrower
//! than [`parse`](super::parse) in one thing: `null` for a field that is not given is taken for `schedule` only.

use super::quantity::{SIZE_UNITS, TIME_UNITS};
use super::schedule::MAX_SCHEDULES;
use super::schedule::schema::{asset, asset_condition, produces, schedule};
use super::validate::{
    MAX_ACTIVE, MAX_DESCRIPTION, MAX_ENV, MAX_FUNCTION, MAX_GRANTED, MAX_LABEL, MAX_LABELS, MAX_POOL_SLOTS, MAX_RETRIES,
    MAX_TASKS, MAX_TEXT,
};
use super::{ByteSize, MAX_SCRIPT, Overlap, RetryBackoff, ScriptLanguage, TimeSpan};
use crate::ending::Reason;
use crate::grant::{NamePattern, Scheme};
use crate::limits::Limits;
use crate::retry::RetryPolicy;
use crate::template::MAX_TEMPLATE;
use crate::trigger_rule::TriggerRule;
use cofferdam_ids::{ComponentName, DagId, Digest, GroupName, PoolName, QueueName, TaskId, XComKey};
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 2020-12) of [`DagDefinition`](super::DagDefinition).
#[must_use]
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "dag-1.schema.json",
        "title": "A Cofferdam dag, version 1",
        "description": "Tasks, what each runs, and which waits for which.",
        "type": "object",
        "properties": dag(),
        "required": ["dag_id", "tasks"],
        "additionalProperties": false,
        "$defs": {
            "task": {
                "type": "object",
                "properties": task(),
                "required": ["task_id"],
                "anyOf": [{ "required": ["component"] }, { "required": ["script"] }, { "required": ["run_dag"] }, { "required": ["approval"] }],
                "additionalProperties": false,
            },
            "script": { "type": "object", "properties": script(), "required": ["language", "source"], "additionalProperties": false },
            "run_dag": { "type": "object", "properties": run_dag(), "required": ["dag_id"], "additionalProperties": false },
            "approval": super::approval::schema(),
            "callback": super::callback::schema(&task()),
            "deadline": super::deadline::schema(),
            "settings": { "type": "object", "properties": settings(), "additionalProperties": false },
            "limits": { "type": "object", "properties": limits(), "additionalProperties": false },
            "grant": { "type": "object", "properties": grant(), "additionalProperties": false },
            "http_rule": { "type": "object", "properties": http_rule(), "required": ["host"], "additionalProperties": false },
            "schedule": schedule(),
            "asset": asset(),
            "asset_condition": asset_condition(),
            "task_id": name(TaskId::CHARACTERS, TaskId::MAX_LENGTH),
            "time_span": time_span(),
            "byte_size": byte_size(),
            "moment": moment(),
            "json_pointer": { "type": "string", "pattern": "^(/.*)?$", "examples": ["/rows/0"] },
            "input": input(),
            "from": from(),
            "conf": form("$conf", "The part of the run's conf, laid over the dag's params, at this JSON Pointer; \"\" for all of it.", json!({
                "$conf": { "$ref": "#/$defs/json_pointer" },
                "default": default_value(),
            })),
            "param": form("$param", "The parameter of this name, or what the run's conf gives in its place.", json!({
                "$param": { "type": "string" },
                "path": { "$ref": "#/$defs/json_pointer", "description": "The part of it at this JSON Pointer." },
                "default": default_value(),
            })),
            "item": form("$item", "For a mapped task, or a task of a mapped group: its item of what is mapped over under this name.", json!({
                "$item": { "type": "string" },
                "path": { "$ref": "#/$defs/json_pointer", "description": "The part of it at this JSON Pointer." },
                "default": default_value(),
            })),
            "expr": form("$expr", "What this expression of the template language evaluates to, with its type.", json!({
                "$expr": { "type": "string", "minLength": 1, "maxLength": MAX_TEMPLATE },
            })),
            "literal": form("$literal", "The value as it is, although it looks like one of the other forms.", json!({ "$literal": true })),
        },
    })
}

fn dag() -> Value {
    json!({
        "dag_id": described(name(DagId::CHARACTERS, DagId::MAX_LENGTH), "Its name, unique in its tenant."),
        "description": { "type": "string", "maxLength": MAX_DESCRIPTION, "description": "One line that says what it is for." },
        "doc_md": { "type": "string", "maxLength": MAX_TEXT, "description": "Documentation in Markdown." },
        "tags": labels("Words to find it by."),
        "owners": labels("Who answers for it."),
        "schedule": {
            "anyOf": [
                { "$ref": "#/$defs/schedule" },
                { "type": "array", "items": { "$ref": "#/$defs/schedule" }, "minItems": 1, "maxItems": MAX_SCHEDULES },
                { "type": "null" },
            ],
            "description": "When it runs: a crontab line, a preset such as \"@daily\", or another form of docs/schedules.md; or a list of \
                            these. Without it, the dag runs when triggered.",
            "examples": ["0 6 * * *", "@daily", "@hourly"],
        },
        "timezone": {
            "type": "string",
            "default": "UTC",
            "description": "The time zone of the schedule and of dates without one: a name of the IANA database.",
            "examples": ["UTC", "Europe/Berlin", "America/Los_Angeles"],
        },
        "start_date": {
            "$ref": "#/$defs/moment",
            "description": "No interval of data begins before it. Without it, scheduling begins with the interval in which the dag is applied.",
        },
        "end_date": { "$ref": "#/$defs/moment", "description": "No interval of data begins after it." },
        "catchup": {
            "type": "boolean",
            "default": false,
            "description": "Whether intervals that passed while the dag was paused or not there are run too.",
        },
        "jitter": {
            "$ref": "#/$defs/time_span",
            "description": "How far runs that are due at the same moment are spread: each comes up to this much later.",
        },
        "overlap": {
            "enum": Overlap::ALL.iter().map(|policy| policy.as_str()).collect::<Vec<_>>(),
            "default": Overlap::default().as_str(),
            "description": "What happens when a run is due while another is not finished: both run, the new one is left out, it waits, or \
                            the other is cancelled.",
        },
        "max_active_runs": whole(1, MAX_ACTIVE, "How many runs may run at once; others wait as queued."),
        "max_active_tasks": whole(1, MAX_ACTIVE, "How many task instances of the dag may be queued or run at once; others wait as scheduled."),
        "dagrun_timeout": { "$ref": "#/$defs/time_span", "description": "How long a run may take before it is stopped." },
        "on_success": super::callback::reference("What is run when a run has succeeded."),
        "on_failure": super::callback::reference("What is run when a run has failed."),
        "deadline": { "$ref": "#/$defs/deadline", "description": "By when a run has to have ended." },
        "defaults": {
            "$ref": "#/$defs/settings",
            "description": "Settings of tasks that do not have their own (Airflow's default_args).",
        },
        "limits": {
            "$ref": "#/$defs/limits",
            "description": "The most that a try of any task may use, whatever the task and defaults ask for.",
        },
        "params": { "type": "object", "description": "Values that a run's conf may replace." },
        "groups": groups(),
        "tasks": {
            "type": "array",
            "items": { "$ref": "#/$defs/task" },
            "minItems": 1,
            "maxItems": MAX_TASKS,
            "description": "The tasks.",
        },
    })
}

fn run_dag() -> Value {
    let dag_id = described(name(DagId::CHARACTERS, DagId::MAX_LENGTH), "The dag of which a run is made.");
    super::work::run_dag_schema(&dag_id, &json!({ "$ref": "#/$defs/moment" }))
}

fn script() -> Value {
    let languages: Vec<&str> = ScriptLanguage::ALL.iter().map(|language| language.as_str()).collect();
    json!({
        "language": { "enum": languages, "description": "What it is written in." },
        "source": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_SCRIPT,
            "description": "Its text. It defines the function main, which is called with the input and whose result is the task's.",
            "examples": ["def main(input):\n    return input[\"rows\"][:10]\n"],
        },
    })
}

fn task() -> Value {
    let mut own = json!({
        "task_id": { "$ref": "#/$defs/task_id", "description": "Its name, unique in its dag." },
        "component": {
            "type": "string",
            "pattern": format!(
                "^[{}]{{1,{}}}(@(sha256:[{}]{{64}}|[A-Za-z0-9_.+^~<>=*, -]{{1,120}}))?$",
                ComponentName::CHARACTERS,
                ComponentName::MAX_LENGTH,
                Digest::CHARACTERS
            ),
            "description": "What it runs: name, name@version, name@range or name@sha256:digest. A name alone is the version that is the \
                            latest when the dag is applied; a range such as ^1.2 the highest version within it.",
            "examples": ["weather/clean", "weather/clean@1.2.0", "weather/clean@^1.2"],
        },
        "script": { "$ref": "#/$defs/script", "description": "A program in the dag itself, in place of a component." },
        "run_dag": { "$ref": "#/$defs/run_dag", "description": "A run of another dag, in place of a component." },
        "approval": { "$ref": "#/$defs/approval", "description": "A question to a person, in place of a component." },
        "function": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_FUNCTION,
            "description": "Which typed function of the component it calls: interface#function. Not needed where the component exports only \
                            one.",
            "examples": ["weather:forecast/api#today", "api#today"],
        },
        "args": {
            "type": "array",
            "items": { "type": "string" },
            "description": "Arguments, for a component of the wasi:cli/command world.",
        },
        "env": {
            "type": "object",
            "propertyNames": { "pattern": "^[^=]+$" },
            "additionalProperties": { "type": "string" },
            "description": "Environment variables, for a component of the wasi:cli/command world.",
        },
        "input": {
            "$ref": "#/$defs/input",
            "description": "Its input: JSON, in which objects with $from, $conf or $param stand for what earlier tasks returned and what the \
                            run was given. {} when not given.",
        },
        "expand": super::expand::schema(),
        "map_index_template": {
            "type": "string",
            "minLength": 1,
            "maxLength": super::expand::MAX_NAME_TEMPLATE,
            "description": "What each instance of a mapped task is called, beside its map_index: a template, which knows the instance's input.",
        },
        "depends_on": {
            "type": "array",
            "items": { "$ref": "#/$defs/task_id" },
            "description": "The tasks and groups that it waits for, besides those that its input names.",
        },
        "group": described(group_name(), "The group that it is in. A dot puts a group into another."),
        "produces": produces(),
        "doc": { "type": "string", "maxLength": MAX_TEXT, "description": "Documentation in Markdown." },
    });
    let parts = [super::flow::schema(&json!({ "$ref": "#/$defs/task_id" })), super::room::schema(), settings()];
    for part in parts {
        if let (Some(own), Value::Object(part)) = (own.as_object_mut(), part) {
            own.extend(part);
        }
    }
    own
}

fn group_name() -> Value {
    name(GroupName::CHARACTERS, GroupName::MAX_LENGTH)
}

fn groups() -> Value {
    let description =
        json!({ "type": "string", "maxLength": MAX_DESCRIPTION, "description": "One line that says what it is for." });
    super::group::schema(&group_name(), &json!({ "$ref": "#/$defs/task_id" }), &description)
}

fn settings() -> Value {
    let mut settings = own_settings();
    for part in [super::room::settings_schema(), super::callback::settings_schema()] {
        if let (Some(settings), Value::Object(part)) = (settings.as_object_mut(), part) {
            settings.extend(part);
        }
    }
    settings
}

fn own_settings() -> Value {
    let retry = RetryPolicy::default();
    let caps = Limits::hard_caps();
    let rules: Vec<&str> = TriggerRule::ALL.iter().map(|rule| rule.as_str()).collect();
    let chosen = Reason::ALL.iter().filter(|reason| RetryPolicy::can_choose(**reason));
    let retry_on: Map<String, Value> = chosen.map(|reason| (reason.to_string(), json!({ "type": "boolean" }))).collect();
    let span = |text: &str, default: u64| json!({ "$ref": "#/$defs/time_span", "default": TimeSpan::from_ms(default), "description": text });
    json!({
        "trigger_rule": {
            "enum": rules,
            "default": TriggerRule::default(),
            "description": "What it needs of the tasks that it waits for.",
        },
        "retries": with_default(whole(0, MAX_RETRIES, "How often it is tried again after a failure."), 0),
        "retry_delay": span("How long to wait before the first retry.", retry.delay_ms),
        "retry_backoff": {
            "enum": [RetryBackoff::Constant, RetryBackoff::Exponential],
            "default": RetryBackoff::default(),
            "description": "Whether later retries wait longer: with exponential, each waits twice as long as the one before.",
        },
        "max_retry_delay": span("The longest wait before a retry.", retry.max_delay_ms),
        "retry_jitter": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": retry.jitter,
            "description": "The part of the wait that chance may add or take.",
        },
        "retry_on": {
            "type": "object",
            "properties": retry_on,
            "additionalProperties": false,
            "description": "For reasons whose retrying can be chosen, whether they are tried again.",
        },
        "timeout": span(
            &format!("How long a try may take; at most {}.", TimeSpan::from_ms(caps.wall_ms)),
            Limits::default().wall_ms
        ),
        "priority": {
            "type": "integer",
            "minimum": i32::MIN,
            "maximum": i32::MAX,
            "default": 0,
            "description": "Which of the tasks that wait goes first: the highest.",
        },
        "pool": with_default(
            described(name(PoolName::CHARACTERS, PoolName::MAX_LENGTH), "The pool whose slots it takes."),
            PoolName::default_pool().as_str()
        ),
        "pool_slots": with_default(whole(1, MAX_POOL_SLOTS, "How many slots of the pool it takes."), 1),
        "queue": with_default(
            described(name(QueueName::CHARACTERS, QueueName::MAX_LENGTH), "Which workers may take it: those that serve this queue."),
            QueueName::default_queue().as_str()
        ),
        "limits": { "$ref": "#/$defs/limits", "description": "What a try may use." },
        "grant": {
            "$ref": "#/$defs/grant",
            "description": "What it may reach. A task's own grant replaces that of defaults as a whole.",
        },
    })
}

fn grant() -> Value {
    let names = |text: &str| {
        json!({
            "type": "array",
            "items": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_.~/:-]*[*]?$",
                "minLength": 1,
                "maxLength": NamePattern::MAX_LENGTH,
            },
            "maxItems": MAX_GRANTED,
            "description": format!("{text}: names, or their beginnings with a * at the end."),
            "examples": [["warehouse", "weather_*"]],
        })
    };
    let switch = |text: &str| json!({ "type": "boolean", "default": true, "description": text });
    json!({
        "http": {
            "type": "array",
            "items": {
                "anyOf": [
                    {
                        "type": "string",
                        "pattern": "^([A-Z_-]+(,[A-Z_-]+)* )?https?://[^/?#@ ]+/?$",
                        "examples": ["https://api.example.com", "GET https://*.example.com:8443"],
                    },
                    { "$ref": "#/$defs/http_rule" },
                ],
            },
            "maxItems": MAX_GRANTED,
            "description": "Where it may send HTTP requests. Addresses that are not of the public internet must be allowed by an \
                            administrator besides.",
        },
        "variables": names("Variables that it may read"),
        "connections": names("Connections that it may use"),
        "scratch": {
            "$ref": "#/$defs/byte_size",
            "description": "A directory of its own, empty at the start of each try, that holds so much at the most.",
        },
        "clock": switch("Whether it sees the real time. If not, all clocks stand still at the run's logical date."),
        "random": switch("Whether it gets real random numbers. If not, they follow from its idempotency key, the same in each try."),
        "env": {
            "type": "object",
            "propertyNames": { "pattern": "^[^=]+$" },
            "additionalProperties": { "type": "string", "maxLength": MAX_ENV },
            "description": "Environment variables.",
        },
    })
}

fn http_rule() -> Value {
    json!({
        "host": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "description": "The host: a name, *. and a domain for all names below it, * for every host, or an address.",
            "examples": ["api.example.com", "*.example.com"],
        },
        "port": whole(1, u64::from(u16::MAX), "The port; that of the scheme when not given."),
        "scheme": { "enum": [Scheme::Https, Scheme::Http], "default": Scheme::default(), "description": "How requests are sent." },
        "methods": {
            "type": "array",
            "items": { "type": "string", "pattern": "^[A-Z_-]+$", "maxLength": 30 },
            "description": "The methods; all when none is given.",
            "examples": [["GET", "HEAD"]],
        },
    })
}

fn limits() -> Value {
    let (default, caps) = (Limits::default(), Limits::hard_caps());
    let size = |text: &str, default: u64, cap: u64| {
        let description = format!("{text}; at most {}.", ByteSize::from_bytes(cap));
        json!({ "$ref": "#/$defs/byte_size", "default": ByteSize::from_bytes(default), "description": description })
    };
    let count = |text: &str, default: u64, cap: u64| with_default(whole(1, cap, text), default);
    json!({
        "fuel": count("Units of fuel: about one for each WebAssembly instruction.", default.fuel, caps.fuel),
        "memory": size("Memory", default.memory_bytes, caps.memory_bytes),
        "output": size("What is kept of stdout, and as much of stderr", default.output_bytes, caps.output_bytes),
        "log": size("What is kept of log messages", default.log_bytes, caps.log_bytes),
        "result": size("The size of the result and of each XCom", default.result_bytes, caps.result_bytes),
        "table_elements": count("Elements of all tables together.", default.table_elements, caps.table_elements),
        "instances": count("Core instances of one component.", default.instances.into(), caps.instances.into()),
        "handles": count("Handles (streams, pollables, …) held at once.", default.handles.into(), caps.handles.into()),
        "http_calls": count("HTTP requests.", default.http_calls.into(), caps.http_calls.into()),
        "http_bytes": size("All HTTP requests and responses together", default.http_bytes, caps.http_bytes),
        "scratch": size("The scratch directory, when the grant has one", default.scratch_bytes, caps.scratch_bytes),
        "checkpoint": size("The checkpoint", default.checkpoint_bytes, caps.checkpoint_bytes),
        "artifact_bytes": size("All artifacts together", default.artifact_bytes, caps.artifact_bytes),
        "artifacts": count("Artifacts.", default.artifacts.into(), caps.artifacts.into()),
    })
}

/// JSON with the forms of [`InputTemplate`](crate::plan::InputTemplate) in it. A key that begins with `$` is one of theirs.
fn input() -> Value {
    json!({
        "anyOf": [
            { "$ref": "#/$defs/from" },
            { "$ref": "#/$defs/conf" },
            { "$ref": "#/$defs/param" },
            { "$ref": "#/$defs/item" },
            { "$ref": "#/$defs/expr" },
            { "$ref": "#/$defs/literal" },
            {
                "type": "object",
                "propertyNames": { "pattern": "^([^$]|$)" },
                "additionalProperties": { "$ref": "#/$defs/input" },
            },
            { "type": "array", "items": { "$ref": "#/$defs/input" } },
            { "type": ["string", "number", "boolean", "null"], "description": "A text with {{ or {% is a template." },
        ],
    })
}

fn from() -> Value {
    let key = name(XComKey::CHARACTERS, XComKey::MAX_LENGTH);
    let key = with_default(described(key, "The XCom of this key instead of the result."), XComKey::return_value().as_str());
    let properties = json!({
        "$from": { "$ref": "#/$defs/task_id" },
        "path": { "$ref": "#/$defs/json_pointer", "description": "The part of it at this JSON Pointer." },
        "key": key,
        "default": default_value(),
    });
    form("$from", "What the task of this name returned. The task then waits for it.", properties)
}

pub(super) fn form(required: &str, description: &str, properties: Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [required],
        "additionalProperties": false,
    })
}

fn default_value() -> Value {
    json!({ "description": "The value to take when there is none." })
}

fn time_span() -> Value {
    // Each unit at most once, from the largest down. An empty text matches too, and is too short.
    let parts: String = TIME_UNITS.iter().map(|(unit, _)| format!("([0-9]+ *{unit} *)?")).collect();
    json!({
        "description": "A length of time: \"30s\", \"1h30m\", \"500ms\", or a number of seconds.",
        "anyOf": [
            { "type": "string", "pattern": format!("^{parts}$"), "minLength": 1, "examples": ["30s", "5m", "1h30m"] },
            { "type": "number", "minimum": 0 },
        ],
    })
}

fn byte_size() -> Value {
    let units: Vec<&str> = SIZE_UNITS.iter().map(|(unit, _)| *unit).collect();
    json!({
        "description": "A size: \"64MiB\" (1,024 × 1,024 each), \"64MB\" (1,000 × 1,000 each), or a number of bytes.",
        "anyOf": [
            { "type": "string", "pattern": format!("^[0-9]+ *({})$", units.join("|")), "examples": ["64MiB", "512KiB"] },
            { "type": "integer", "minimum": 1 },
        ],
    })
}

fn moment() -> Value {
    json!({
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?)?$",
        "description": "A date, a date with a time, or a moment with its offset (RFC 3339). The first two are meant in the dag's time zone.",
        "examples": ["2026-11-21", "2026-11-21T06:00:00", "2026-11-21T06:00:00+01:00"],
    })
}

fn labels(description: &str) -> Value {
    json!({
        "type": "array",
        "items": { "type": "string", "minLength": 1, "maxLength": MAX_LABEL },
        "maxItems": MAX_LABELS,
        "description": description,
    })
}

pub(super) fn name(characters: &str, max: usize) -> Value {
    json!({ "type": "string", "pattern": format!("^[{characters}]+$"), "minLength": 1, "maxLength": max })
}

fn whole(min: u64, max: impl Into<u64>, description: &str) -> Value {
    json!({ "type": "integer", "minimum": min, "maximum": max.into(), "description": description })
}

pub(super) fn described(schema: Value, description: &str) -> Value {
    with(schema, "description", description.into())
}

fn with_default(schema: Value, default: impl Into<Value>) -> Value {
    with(schema, "default", default.into())
}

fn with(mut schema: Value, keyword: &str, value: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(keyword.to_owned(), value);
    }
    schema
}

#[cfg(test)]
mod tests;
