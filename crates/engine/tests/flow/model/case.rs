//! Random dags, and how their tasks end.

use cofferdam_domain::trigger_rule::TriggerRule;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Map, Value, json};

/// A dag, and what its tasks do.
#[derive(Clone, Debug)]
pub struct Case {
    pub seed: u64,
    pub tasks: Vec<Task>,
    /// What groups are mapped over.
    pub groups: Vec<Over>,
    pub max_active_tasks: Option<usize>,
}

/// What a task or a group is mapped over.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// So many items.
    Items(usize),
    /// What another task returned.
    Results(usize),
}

/// A task. Others are named by their positions; each waits for earlier ones only.
#[derive(Clone, Debug)]
pub struct Task {
    pub upstream: Vec<usize>,
    pub rule: TriggerRule,
    pub retries: u32,
    pub role: Role,
    pub priority: i32,
    /// What it is mapped over by itself, when it is.
    pub over: Option<Over>,
    /// The mapped group that it is in.
    pub group: Option<usize>,
    /// How each try of each instance ends: [`TRIES`] for each.
    pub tries: Vec<Ends>,
}

/// The most tries of an instance.
const TRIES: usize = 3;
/// The most items that something is mapped over.
const ITEMS: usize = 3;

/// What is special about a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    Plain,
    Branch,
    ShortCircuit {
        ignore_trigger_rules: bool,
    },
    Setup,
    /// With the setups that it names.
    Teardown {
        setups: Vec<usize>,
        fail_run: bool,
    },
}

/// How a try ends.
#[derive(Clone, Debug)]
pub enum Ends {
    Returns(Value),
    /// A branch chooses these tasks.
    Chooses(Vec<usize>),
    FailsForNow,
    FailsForGood,
    Skips,
}

pub fn name(task: usize) -> String {
    format!("t{task}")
}

impl Case {
    pub fn random(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let count = rng.random_range(1..=10);
        let mut tasks: Vec<Task> = Vec::with_capacity(count);
        for position in 0..count {
            let near = rng.random_range(1..=4);
            let upstream: Vec<usize> = (0..position)
                .filter(|other| {
                    let chance = if position - other <= near { 0.4 } else { 0.1 };
                    rng.random_bool(chance)
                })
                .collect();
            let setups: Vec<usize> = (0..position).filter(|other| tasks[*other].role == Role::Setup).collect();
            let role = match rng.random_range(0..100) {
                0..14 => Role::Branch,
                14..24 => Role::ShortCircuit { ignore_trigger_rules: rng.random() },
                24..36 => Role::Setup,
                36..50 => Role::Teardown {
                    setups: setups.into_iter().filter(|_| rng.random_bool(0.5)).collect(),
                    fail_run: rng.random_bool(0.3),
                },
                _ => Role::Plain,
            };
            let rule = match role {
                Role::Teardown { .. } => TriggerRule::AllDone,
                _ if rng.random_bool(0.5) => TriggerRule::AllSuccess,
                _ => *TriggerRule::ALL.choose(&mut rng).unwrap(),
            };
            tasks.push(Task {
                upstream,
                rule,
                retries: rng.random_range(0..3),
                role,
                priority: rng.random_range(-2..3),
                over: None,
                group: None,
                tries: Vec::new(),
            });
        }
        let groups = groups(&mut tasks, &mut rng);
        for position in 0..count {
            if tasks[position].role == Role::Plain && tasks[position].group.is_none() && rng.random_bool(0.25) {
                let over = over(&tasks, position, &mut rng);
                if let Over::Results(source) = over {
                    tasks[position].wait_for(source);
                }
                tasks[position].over = Some(over);
            }
        }
        for position in 0..count {
            let below: Vec<usize> = (0..count).filter(|other| tasks[*other].waits_for(position)).collect();
            tasks[position].tries = (0..TRIES * ITEMS).map(|_| ends(&tasks[position].role, &below, count, &mut rng)).collect();
        }
        // A list that turns out to be empty, or to be none, does so when there is room: then the order of things would matter.
        let known = |over: &Over| matches!(over, Over::Items(_));
        let all_known = groups.iter().chain(tasks.iter().filter_map(|task| task.over.as_ref())).all(known);
        let max_active_tasks = (all_known && rng.random_bool(0.3)).then(|| rng.random_range(1..4));
        Self { seed, tasks, groups, max_active_tasks }
    }

    /// The dag as a user writes it.
    pub fn definition(&self) -> Value {
        let tasks: Vec<Value> = self
            .tasks
            .iter()
            .enumerate()
            .map(|(position, task)| {
                let depends_on: Vec<String> = task.upstream.iter().map(|other| name(*other)).collect();
                let mut definition = json!({
                    "task_id": name(position),
                    "component": "work",
                    "depends_on": depends_on,
                    "retries": task.retries,
                    "retry_delay": 0,
                    "priority": task.priority,
                });
                if let Some(over) = &task.over {
                    definition["expand"] = over.definition();
                }
                if let Some(group) = task.group {
                    definition["group"] = json!(format!("g{group}"));
                }
                match &task.role {
                    Role::Plain => {}
                    Role::Branch => definition["branch"] = json!(true),
                    Role::ShortCircuit { ignore_trigger_rules: true } => definition["short_circuit"] = json!(true),
                    Role::ShortCircuit { ignore_trigger_rules: false } => {
                        definition["short_circuit"] = json!({ "ignore_trigger_rules": false });
                    }
                    Role::Setup => definition["setup"] = json!(true),
                    Role::Teardown { setups, fail_run } => {
                        let setups: Vec<String> = setups.iter().map(|setup| name(*setup)).collect();
                        definition["teardown"] = json!({ "setups": setups, "fail_run": fail_run });
                    }
                }
                if !matches!(task.role, Role::Teardown { .. }) {
                    definition["trigger_rule"] = json!(task.rule.as_str());
                }
                definition
            })
            .collect();
        let groups: Map<String, Value> = self
            .groups
            .iter()
            .enumerate()
            .map(|(group, over)| (format!("g{group}"), json!({ "expand": over.definition() })))
            .collect();
        let mut dag = json!({ "dag_id": format!("case_{}", self.seed), "groups": groups, "tasks": tasks });
        if let Some(most) = self.max_active_tasks {
            dag["max_active_tasks"] = json!(most);
        }
        dag
    }
}

impl Over {
    fn definition(&self) -> Value {
        match self {
            Self::Items(items) => json!({ "over": { "item": (0..*items).collect::<Vec<_>>() } }),
            Self::Results(task) => json!({ "over": { "item": { "$from": name(*task) } } }),
        }
    }
}

/// Puts some tasks that follow each other into mapped groups.
fn groups(tasks: &mut [Task], rng: &mut impl Rng) -> Vec<Over> {
    let mut groups = Vec::new();
    let mut next = 0;
    while next < tasks.len() && groups.len() < 2 {
        if !rng.random_bool(0.2) {
            next += 1;
            continue;
        }
        let end = tasks.len().min(next + rng.random_range(1..=5));
        let over = over(tasks, next, rng);
        for position in next..end {
            tasks[position].group = Some(groups.len());
            if let (Over::Results(source), true) = (&over, (next..position).all(|other| !tasks[position].waits_for(other))) {
                tasks[position].wait_for(*source);
            }
        }
        groups.push(over);
        next = end;
    }
    groups
}

/// What something can be mapped over that comes before a position. What a branch returns is left to the branch.
fn over(tasks: &[Task], position: usize, rng: &mut impl Rng) -> Over {
    let sources: Vec<usize> = (0..position).filter(|other| tasks[*other].role != Role::Branch).collect();
    match sources.choose(rng) {
        Some(source) if rng.random_bool(0.6) => Over::Results(*source),
        _ => Over::Items(rng.random_range(1..=ITEMS)),
    }
}

impl Task {
    fn wait_for(&mut self, other: usize) {
        if !self.upstream.contains(&other) {
            self.upstream.push(other);
        }
    }

    /// Whether it waits for another directly.
    pub fn waits_for(&self, other: usize) -> bool {
        let named = matches!(&self.role, Role::Teardown { setups, .. } if setups.contains(&other));
        named || self.upstream.contains(&other)
    }

    /// How a try of an instance ends; tries are counted from 1.
    pub fn ends(&self, instance: usize, try_number: u32) -> &Ends {
        &self.tries[instance * TRIES + try_number as usize - 1]
    }
}

fn ends(role: &Role, below: &[usize], count: usize, rng: &mut impl Rng) -> Ends {
    match rng.random_range(0..100) {
        0..12 => return Ends::FailsForNow,
        12..22 => return Ends::FailsForGood,
        22..30 => return Ends::Skips,
        _ => {}
    }
    match role {
        // Now and then it chooses what it cannot.
        Role::Branch if rng.random_bool(0.1) => Ends::Chooses(vec![rng.random_range(0..count)]),
        Role::Branch => {
            let most = rng.random_range(0..=below.len());
            Ends::Chooses(below.iter().copied().sample(rng, most))
        }
        _ => {
            let words = [json!(null), json!(false), json!(0), json!(""), json!(true), json!(1), json!("x")];
            let lists = [json!([]), json!([1]), json!([1, 2]), json!([1, 2, 3]), json!({ "a": 1 }), json!({ "a": 1, "b": 2 })];
            let values = if rng.random_bool(0.7) { &lists[..] } else { &words[..] };
            Ends::Returns(values.choose(rng).unwrap().clone())
        }
    }
}
