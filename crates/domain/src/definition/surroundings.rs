//! What a definition names that is not in it: pools, variables, connections, the policy of the tenant.

use super::diagnostic::join;
use super::suggest::closest;
use super::templates;
use super::{ComponentRef, DagDefinition, Diagnostic, DiagnosticCode as Code, ExpandDefinition, TaskSettings};
use crate::egress::{self, PrivateTarget};
use crate::grant::{Grant, NamePattern};
use crate::limits::Limits;
use crate::plan::InputTemplate;
use cofferdam_ids::PoolName;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What a tenant has, as far as a definition can name it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// The pools that somebody made, and how many slots they have.
    pub pools: BTreeMap<PoolName, u32>,
    /// The names of its variables.
    pub variables: Vec<String>,
    /// The names of its connections.
    pub connections: Vec<String>,
    /// Limits of a try that are tighter than the installation's.
    pub limits: Option<Limits>,
    /// Targets outside of the public internet that its tasks may reach when their grant names them.
    pub private_targets: Vec<PrivateTarget>,
    /// Components that cannot ask for the run's `conf`: all of it that their tasks see is in their input.
    pub without_conf: BTreeSet<ComponentRef>,
}

/// What is wrong, or looks wrong, with a definition in a tenant.
#[must_use]
pub fn check_surroundings(dag: &DagDefinition, surroundings: &Surroundings) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    settings("/defaults", &dag.defaults, surroundings, &mut found);
    for (index, task) in dag.tasks.iter().enumerate() {
        let at = format!("/tasks/{index}");
        let own = task.settings_or(&TaskSettings::default());
        settings(&at, &own, surroundings, &mut found);
        slots(&at, &own, &task.settings_or(&dag.defaults), surroundings, &mut found);
    }
    for placed in dag.callbacks() {
        if let Some(task) = placed.as_task() {
            settings(&placed.at, &task.settings_or(&TaskSettings::default()), surroundings, &mut found);
        }
    }
    unused_params(dag, surroundings, &mut found);
    found
}

fn settings(at: &str, settings: &TaskSettings, surroundings: &Surroundings, found: &mut Vec<Diagnostic>) {
    if let Some(pool) = settings.pool.as_ref().filter(|pool| **pool != PoolName::default_pool())
        && !surroundings.pools.contains_key(pool)
    {
        let message = format!("there is no pool '{pool}'; until there is one, nothing bounds the task");
        let problem = Diagnostic::warning(Code::UnknownPool, join(at, "pool"), message);
        let default = PoolName::default_pool();
        let names = surroundings.pools.keys().chain([&default]).map(PoolName::as_str);
        found.push(match closest(pool.as_str(), names) {
            Some(meant) => problem.did_you_mean(meant),
            None => problem.help("make the pool, or leave it out for the default pool"),
        });
    }
    if let Some(of_tenant) = &surroundings.limits {
        limits(at, settings, of_tenant, found);
    }
    if let Some(given) = &settings.grant {
        grant(&join(at, "grant"), given, surroundings, found);
    }
}

/// A task that takes more slots than its pool has waits for ever. `own` is what the task says, `settings` with the defaults of the dag.
fn slots(at: &str, own: &TaskSettings, settings: &TaskSettings, surroundings: &Surroundings, found: &mut Vec<Diagnostic>) {
    let pool = settings.pool.clone().unwrap_or_else(PoolName::default_pool);
    let Some(has) = surroundings.pools.get(&pool).copied() else { return };
    let takes = settings.pool_slots.unwrap_or(1);
    if takes > has {
        let field = if own.pool_slots.is_some() || own.pool.is_none() { "pool_slots" } else { "pool" };
        let message =
            format!("the pool '{pool}' has {has} slots, and this task takes {takes}: it waits until the pool is larger");
        found.push(
            Diagnostic::warning(Code::PoolTooSmall, join(at, field), message).help("take fewer slots, or make the pool larger"),
        );
    }
}

fn limits(at: &str, settings: &TaskSettings, of_tenant: &Limits, found: &mut Vec<Diagnostic>) {
    let asked = settings.effective_limits();
    let (Ok(Value::Object(asked)), Ok(Value::Object(bound))) = (serde_json::to_value(&asked), serde_json::to_value(of_tenant))
    else {
        return;
    };
    // What is not given here is no mistake of the author's.
    let given = settings.limits.as_ref().and_then(|limits| serde_json::to_value(limits).ok()).unwrap_or_default();
    for (name, asked) in &asked {
        let field = name.strip_suffix("_bytes").filter(|field| *field != "http" && *field != "artifact").unwrap_or(name);
        let pointer = match name.as_str() {
            "wall_ms" if settings.timeout.is_some() => join(at, "timeout"),
            _ if given.get(field).is_some() => join(&join(at, "limits"), field),
            _ => continue,
        };
        if let (Some(asked), Some(bound)) = (asked.as_u64(), bound.get(name).and_then(Value::as_u64))
            && asked > bound
        {
            let unit = if name == "wall_ms" {
                " ms"
            } else if name.ends_with("_bytes") {
                " bytes"
            } else {
                ""
            };
            let message = format!("the tenant's tasks have at most {bound}{unit}; this asks for {asked}{unit}");
            found.push(Diagnostic::warning(Code::LimitOverTenant, pointer, message));
        }
    }
}

fn grant(at: &str, grant: &Grant, surroundings: &Surroundings, found: &mut Vec<Diagnostic>) {
    let named = [
        ("variables", &grant.variables, &surroundings.variables, Code::UnknownVariable, "variable"),
        ("connections", &grant.connections, &surroundings.connections, Code::UnknownConnection, "connection"),
    ];
    for (field, patterns, names, code, kind) in named {
        for (index, pattern) in patterns.iter().enumerate() {
            if !names.iter().any(|name| pattern.matches(name)) {
                found.push(nothing_of_that_name(&join(&join(at, field), index), pattern, names, code, kind));
            }
        }
    }
    for (index, rule) in grant.http.iter().enumerate() {
        let host = rule.host.to_string();
        // Where a name leads is only known when it is resolved.
        let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() else { continue };
        if egress::special_purpose(address).is_some()
            && !surroundings.private_targets.iter().any(|target| target.covers(&host, address))
        {
            let pointer = format!("{at}/http/{index}/host");
            let message = format!("'{host}' is outside of the public internet, and the tenant's policy does not open it");
            let problem = Diagnostic::warning(Code::OutsidePolicy, pointer, message);
            found.push(problem.help("an administrator adds it to the targets that the tenant may reach"));
        }
    }
}

fn nothing_of_that_name(at: &str, pattern: &NamePattern, names: &[String], code: Code, kind: &str) -> Diagnostic {
    let text = pattern.as_str();
    let message = match text.ends_with('*') {
        true => format!("there is no {kind} yet whose name begins as '{text}'"),
        false => format!("there is no {kind} '{text}' yet"),
    };
    let problem = Diagnostic::warning(code, at, message);
    match closest(text, names.iter().map(String::as_str)) {
        Some(meant) => problem.did_you_mean(meant),
        None => problem.help(format!("`cofferdam {kind} --help` says how to make one")),
    }
}

/// Parameters that no input takes. A component that asks for the run's `conf` by itself may use any of them.
fn unused_params(dag: &DagDefinition, surroundings: &Surroundings, found: &mut Vec<Diagnostic>) {
    if dag.params.is_empty() || !dag.components().iter().all(|component| surroundings.without_conf.contains(component)) {
        return;
    }
    // A template may take them in ways that only a run shows.
    if !dag.callbacks().is_empty() || dag.tasks.iter().any(templates::has_templates) {
        return;
    }
    let mapped = dag.tasks.iter().filter_map(|task| task.expand.as_ref());
    let mapped = mapped.chain(dag.groups.values().filter_map(|group| group.expand.as_ref()));
    let lists = mapped.flat_map(ExpandDefinition::parts);
    let lists: Vec<InputTemplate> = lists.filter_map(|(_, read)| read.ok()).collect();
    if lists.iter().any(|list| !list.templates().is_empty()) {
        return;
    }
    let templates = dag.tasks.iter().filter_map(|task| InputTemplate::parse(task.template().1?).ok()).chain(lists);
    let mut used = BTreeSet::new();
    for template in templates {
        for path in template.known().1.iter().filter_map(|slot| slot.conf_path()) {
            match path.split('/').nth(1) {
                Some(name) => _ = used.insert(name.replace("~1", "/").replace("~0", "~")),
                // All of them.
                None => return,
            }
        }
    }
    for name in dag.params.keys().filter(|name| !used.contains(*name)) {
        let message = format!("nothing uses the parameter '{name}'");
        found.push(
            Diagnostic::warning(Code::UnusedParam, join("/params", name), message)
                .help("take it out, or take it in an input with $param"),
        );
    }
}
