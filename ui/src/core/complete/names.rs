//! Names that can be written: of what is on the server, and of what the text itself defines.

use super::place::{Place, Step};

/// The names that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Components.
    pub components: Vec<String>,
    /// The functions of the component of the task that the cursor is in.
    pub functions: Vec<String>,
    /// Pools.
    pub pools: Vec<String>,
    /// Other dags.
    pub dags: Vec<String>,
    /// Variables.
    pub variables: Vec<String>,
    /// Connections.
    pub connections: Vec<String>,
    /// Assets.
    pub assets: Vec<String>,
    /// Tasks of the text.
    pub tasks: Vec<String>,
    /// Groups of the text.
    pub groups: Vec<String>,
    /// Parameters of the text.
    pub params: Vec<String>,
}

impl Names {
    /// The same, with what the text defines.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        self.tasks = values_of(text, "task_id");
        self.groups = values_of(text, "group");
        self.params = members_of(text, "params");
        self
    }

    /// The names that fit a place, with a word on each.
    pub(super) fn of(&self, place: &Place) -> Vec<(String, &'static str)> {
        let key = |back: usize| match place.path.len().checked_sub(back).and_then(|at| place.path.get(at)) {
            Some(Step::Key(key)) => key.as_str(),
            Some(Step::Item) => "*",
            None => "",
        };
        let list = |names: &[String], word| names.iter().map(|name| (name.clone(), word)).collect::<Vec<_>>();
        let own = place.siblings.iter().find(|(name, _)| name == "task_id").map_or("", |(_, value)| value);
        let tasks = || {
            let mut tasks = list(&self.tasks, "task");
            tasks.retain(|(name, _)| name != own);
            tasks
        };
        match (key(2), key(1)) {
            (_, "component") => list(&self.components, "component"),
            (_, "function") => list(&self.functions, "function"),
            (_, "pool") => list(&self.pools, "pool"),
            (_, "$from") => tasks(),
            (_, "$param") => list(&self.params, "parameter"),
            (_, "group") => list(&self.groups, "group"),
            ("run_dag", "dag_id") | (_, "dag") => list(&self.dags, "dag"),
            ("depends_on", "*") => [tasks(), list(&self.groups, "group")].concat(),
            ("variables", "*") => list(&self.variables, "variable"),
            ("connections", "*") => list(&self.connections, "connection"),
            ("produces" | "any" | "all" | "assets", "*") | (_, "assets") => list(&self.assets, "asset"),
            _ => Vec::new(),
        }
    }
}

/// The component of the task whose function is asked for, without its version.
#[must_use]
pub fn component_of(place: &Place) -> Option<&str> {
    if place.path.last() != Some(&Step::Key("function".to_owned())) {
        return None;
    }
    let (_, component) = place.siblings.iter().find(|(name, _)| name == "component")?;
    component.split('@').next().filter(|name| !name.is_empty())
}

/// What follows each `name:` on its line, in YAML and in JSON.
fn values_of(text: &str, name: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (at, _) in text.match_indices(name) {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].trim_start_matches(['"', '\'']).trim_start_matches(' ');
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$')) {
            continue;
        }
        let Some(value) = after.strip_prefix(':') else { continue };
        let value = value.trim_start_matches([' ', '"', '\'']);
        let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '~' | '-'))).unwrap_or(value.len());
        let value = &value[..end];
        if !value.is_empty() && all.iter().all(|it| it != value) {
            all.push(value.to_owned());
        }
    }
    all
}

/// The names of the members of a member of the whole.
fn members_of(text: &str, name: &str) -> Vec<String> {
    if let Ok(serde_json::Value::Object(whole)) = serde_json::from_str(text) {
        return whole.get(name).and_then(|it| it.as_object()).into_iter().flatten().map(|(key, _)| key.clone()).collect();
    }
    let mut lines = text.lines().skip_while(|line| line.split(':').next() != Some(name));
    lines.next();
    let below: Vec<&str> = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '#'])).collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(first) = below.iter().find(|line| !line.trim().is_empty()).map(|line| indent(line)) else { return Vec::new() };
    let keys = below.iter().filter(|line| indent(line) == first && !line.trim_start().starts_with('#'));
    keys.filter_map(|line| Some(line.split_once(':')?.0.trim().trim_matches(['"', '\'']).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_both_languages() {
        assert_eq!(values_of("- task_id: a\n- {task_id: \"b\", my_task_id: x}\n", "task_id"), ["a", "b"]);
        assert_eq!(values_of("{\"task_id\": \"a\", \"x\": [{\"task_id\" : \"b\"}]}", "task_id"), ["a", "b"]);
        assert_eq!(values_of("task_id", "task_id"), Vec::<String>::new());
        assert_eq!(members_of("params:\n  a: 1\n\n  b:\n    c: 2\ntasks: []\n", "params"), ["a", "b"]);
        assert_eq!(members_of("tasks: []", "params"), Vec::<String>::new());
    }
}
