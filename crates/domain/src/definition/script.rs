//! A task whose program stands in the dag itself.

use super::diagnostic::join;
use super::{ComponentRef, ComponentVersion, Diagnostic, DiagnosticCode, TaskDefinition};
use cofferdam_ids::ComponentName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Bytes that the source of a script may have.
pub const MAX_SCRIPT: usize = 256 << 10;

/// A script: source text that defines the function `main`, which is called with the task's input and whose result is the
/// task's.
///
/// It is run by an interpreter, a component like others ([`ScriptLanguage::component`]): the task has that as its `component`,
/// and gives it [`ScriptDefinition::input`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptDefinition {
    /// What it is written in.
    pub language: ScriptLanguage,
    /// Its text.
    pub source: String,
}

/// What a script is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptLanguage {
    /// Python 3.
    Python,
    /// JavaScript (ECMAScript).
    Javascript,
}

impl ScriptLanguage {
    /// Every language.
    pub const ALL: &[Self] = &[Self::Python, Self::Javascript];

    /// The language as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Javascript => "javascript",
        }
    }

    /// The component that interprets it.
    ///
    /// # Panics
    /// Never: the names are valid.
    #[must_use]
    pub fn component(self) -> ComponentRef {
        let name = ComponentName::new(format!("std/{}", self.as_str())).expect("the names of languages are valid");
        ComponentRef { name, version: ComponentVersion::Latest }
    }
}

impl ScriptDefinition {
    /// What the interpreter gets for the task's input: a template, as that is.
    #[must_use]
    pub fn input(&self, input: Option<&Value>) -> Value {
        // The source is no template, whatever braces it has.
        json!({ "source": { "$literal": self.source }, "input": input.cloned().unwrap_or_else(|| Value::Object(Map::new())) })
    }

    /// What the interpreter gets to check the script without running it.
    #[must_use]
    pub fn check(&self) -> Value {
        json!({ "source": self.source, "check": true })
    }
}

/// Gives a task with a script the component that interprets it. One that has another component is a mistake, noted here.
pub(super) fn name_interpreter(task: &mut Value, at: &str, problems: &mut Vec<Diagnostic>) {
    let Some(script) = task.get("script").filter(|script| !script.is_null()) else { return };
    let named = |language: &&ScriptLanguage| script.get("language").and_then(Value::as_str) == Some(language.as_str());
    let Some(language) = ScriptLanguage::ALL.iter().find(named) else {
        // A wrong language is told where the script is read; until then any component will do.
        let any = ScriptLanguage::Python.component().to_string();
        if let Some(task) = task.as_object_mut() {
            task.entry("component").or_insert(Value::String(any));
        }
        return;
    };
    let interpreter = language.component().to_string();
    match task.get("component") {
        Some(Value::String(component)) if *component == interpreter => {}
        Some(_) => problems.push(
            Diagnostic::error(
                DiagnosticCode::InvalidValue,
                join(at, "component"),
                "a task has a component or a script, not both",
            )
            .help("leave one of them out"),
        ),
        None => {
            if let Some(task) = task.as_object_mut() {
                task.insert("component".to_owned(), Value::String(interpreter));
            }
        }
    }
}

/// What is wrong with a task's script, apart from its text.
pub(super) fn validate(at: &str, task: &TaskDefinition, found: &mut Vec<Diagnostic>) {
    let Some(script) = &task.script else { return };
    let source = format!("{at}/script/source");
    if script.source.trim().is_empty() {
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, source, "the script is empty"));
    } else if script.source.len() > MAX_SCRIPT {
        let message = format!("a script has at most {MAX_SCRIPT} bytes; this has {}", script.source.len());
        found.push(Diagnostic::error(DiagnosticCode::TooLong, source, message).help("make a component of it with an SDK"));
    } else if script.source.contains('\0') {
        found.push(Diagnostic::error(DiagnosticCode::InvalidValue, source, "a script cannot contain the character U+0000"));
    }
    let given = [("function", task.function.is_some()), ("args", !task.args.is_empty()), ("env", !task.env.is_empty())];
    for (field, _) in given.into_iter().filter(|(_, given)| *given) {
        let message = format!("a script takes no {field}");
        found.push(
            Diagnostic::error(DiagnosticCode::UnusedArguments, join(at, field), message).help("pass what it needs as input"),
        );
    }
}
