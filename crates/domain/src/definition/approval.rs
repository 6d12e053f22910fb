//! A task that waits for a person, in place of a component. The compiled form is [`ApprovalWork`].

use super::diagnostic::join;
use super::{Diagnostic, DiagnosticCode, Moment, TaskDefinition, TimeSpan};
use crate::approval::{ApprovalWork, Approvers, OnExpiry, OnReject};
use crate::context::Role;
use crate::template::is_template;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most users who can be named.
const MAX_USERS: usize = 100;
/// The most options there can be to choose from.
const MAX_OPTIONS: usize = 20;
/// The most characters of the name of a user or of an option.
const MAX_NAME: usize = 120;
/// The longest time to wait: a year.
const MAX_WAIT: TimeSpan = TimeSpan::from_ms(366 * 24 * 3_600_000);

/// What a person is asked, and who.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalDefinition {
    /// What they are asked: a text, in which there can be templates.
    pub message: Value,
    /// Who may decide; whoever may trigger runs when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Approvers>,
    /// How long it waits; without end when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,
    /// Until when it waits, in place of how long: a moment, or a template that makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What happens when nobody decides in time; it fails when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_expiry: Option<OnExpiry>,
    /// What happens when somebody rejects; it fails when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_reject: Option<OnReject>,
    /// What can be chosen when approving.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl ApprovalDefinition {
    /// The input of the compiled task: what is asked, with the moment until which it waits where there is one.
    pub(crate) fn input(&self) -> Value {
        match &self.until {
            None => self.message.clone(),
            Some(until) => json!({ "message": self.message, "until": until }),
        }
    }

    /// Compiles it. A moment without offset is meant in this time zone.
    pub(crate) fn work(&self, timezone: &str) -> ApprovalWork {
        ApprovalWork {
            until_timezone: self.until.as_ref().map(|_| timezone.to_owned()),
            who: self.who.clone().unwrap_or_default(),
            options: self.options.clone(),
            timeout_ms: self.timeout.map(TimeSpan::ms),
            on_expiry: self.on_expiry.unwrap_or_default(),
            on_reject: self.on_reject.unwrap_or_default(),
        }
    }
}

/// What is wrong with a task that waits for a person.
pub(super) fn validate(at: &str, task: &TaskDefinition, found: &mut Vec<Diagnostic>) {
    let Some(approval) = &task.approval else { return };
    let of = |field: &str| format!("{at}/approval/{field}");
    match &approval.message {
        Value::String(text) if text.trim().is_empty() => {
            found.push(Diagnostic::error(DiagnosticCode::InvalidValue, of("message"), "it must not be empty"));
        }
        Value::String(_) => {}
        _ => {
            let problem = Diagnostic::error(DiagnosticCode::InvalidValue, of("message"), "what a person is asked is a text");
            found.push(problem.help("values go into it by templates: \"Publish {{ params.rows }} rows?\""));
        }
    }
    if let Some(who) = &approval.who {
        if who.users.is_empty() && who.roles.is_empty() {
            let problem = Diagnostic::error(DiagnosticCode::InvalidValue, of("who"), "nobody could decide");
            found.push(problem.help("name users or roles, or leave it out: then whoever may trigger runs decides"));
        }
        names(&of("who/users"), &who.users, MAX_USERS, found);
    }
    names(&of("options"), &approval.options, MAX_OPTIONS, found);
    if let Some(until) = &approval.until {
        if approval.timeout.is_some() {
            let message = "it waits for a time or until a moment";
            let problem = Diagnostic::error(DiagnosticCode::InvalidValue, of("until"), message);
            found.push(problem.label(of("timeout"), "a time").help("give timeout or until"));
        }
        if let (false, Err(error)) = (is_template(until), until.parse::<Moment>()) {
            found.push(Diagnostic::error(DiagnosticCode::InvalidValue, of("until"), error.to_string()));
        }
    }
    match approval.timeout {
        Some(timeout) if timeout.ms() == 0 || timeout > MAX_WAIT => {
            let message = format!("it waits for something between 1ms and {MAX_WAIT}");
            found.push(Diagnostic::error(DiagnosticCode::OutOfRange, of("timeout"), message));
        }
        Some(_) => {}
        None if approval.on_expiry.is_some() && approval.until.is_none() => {
            let problem = Diagnostic::warning(DiagnosticCode::NoEffect, of("on_expiry"), "without a timeout it never expires");
            found.push(problem.help("give a timeout, or until"));
        }
        None => {}
    }
    let given = [
        ("function", task.function.is_some(), ""),
        ("args", !task.args.is_empty(), ""),
        ("env", !task.env.is_empty(), ""),
        ("input", task.input.is_some(), "what people are asked is its approval.message"),
        ("limits", task.limits.is_some(), ""),
        ("grant", task.grant.is_some(), ""),
        ("timeout", task.timeout.is_some(), "how long it waits is its approval.timeout"),
    ];
    for (field, _, help) in given.into_iter().filter(|(_, given, _)| *given) {
        let message = format!("an approval takes no {field}");
        let problem = Diagnostic::error(DiagnosticCode::UnusedArguments, join(at, field), message);
        found.push(problem.help(if help.is_empty() { "no component runs here; leave it out" } else { help }));
    }
}

fn names(at: &str, names: &[String], max: usize, found: &mut Vec<Diagnostic>) {
    if names.len() > max {
        let message = format!("at most {max} are allowed; here are {}", names.len());
        found.push(Diagnostic::error(DiagnosticCode::TooLong, at, message));
    }
    for (index, name) in names.iter().enumerate() {
        let message = if name.trim().is_empty() {
            "it must not be empty".to_owned()
        } else if name.chars().count() > MAX_NAME {
            format!("at most {MAX_NAME} characters are allowed")
        } else if names.iter().take(index).any(|other| other == name) {
            format!("'{name}' is named twice")
        } else {
            continue;
        };
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, join(at, index), message));
    }
}

/// The JSON Schema of [`ApprovalDefinition`].
pub(super) fn schema() -> Value {
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let name = json!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME });
    json!({
        "type": "object",
        "properties": {
            "message": {
                "type": "string",
                "minLength": 1,
                "description": "What people are asked. There can be templates in it.",
                "examples": ["Publish {{ ti.xcom_pull('count').rows }} rows?"],
            },
            "who": {
                "type": "object",
                "properties": {
                    "users": { "type": "array", "items": name, "maxItems": MAX_USERS, "description": "Users, by their names." },
                    "roles": { "type": "array", "items": { "enum": roles }, "description": "Roles. Who has a higher one may decide too." },
                },
                "additionalProperties": false,
                "description": "Who may decide. Without it, whoever may trigger runs.",
            },
            "timeout": { "$ref": "#/$defs/time_span", "description": "How long it waits. Without it, until somebody decides." },
            "until": {
                "type": "string",
                "minLength": 1,
                "description": "Until when it waits, in place of timeout: a date, a date with a time, or a moment with its offset (RFC 3339), or a \
                                template that makes one. The first two are meant in the dag's time zone.",
                "examples": ["2026-12-01T18:00:00", "{{ data_interval_end + macros.timedelta(hours=12) }}"],
            },
            "on_expiry": {
                "enum": OnExpiry::ALL,
                "default": OnExpiry::default(),
                "description": "What happens when nobody decides in time: the task fails with the reason timed_out, is skipped, or counts as \
                                approved with the first of the options.",
            },
            "on_reject": {
                "enum": [OnReject::Fail, OnReject::Skip],
                "default": OnReject::default(),
                "description": "What happens when somebody rejects: the task fails with the reason rejected, or is skipped.",
            },
            "options": {
                "type": "array",
                "items": name,
                "maxItems": MAX_OPTIONS,
                "description": "What can be chosen when approving. Without it, there is nothing to choose.",
            },
        },
        "required": ["message"],
        "additionalProperties": false,
    })
}
