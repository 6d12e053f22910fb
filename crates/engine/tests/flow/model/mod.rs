//! Random dags run through the engine on PostgreSQL and through a small interpreter: after every step both must agree.
//!
//! `COFFERDAM_MODEL_CASES` says how many are run, and `COFFERDAM_MODEL_SEED` with which seed to begin: a failure prints its seed.

mod case;
mod interpreter;

use crate::stage::{Stage, Taken, failure, success};
use case::{Case, Ends, name};
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_domain::task::TaskStateName;
use cofferdam_ids::RunKey;
use interpreter::{Instance, Interpreter};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many cases run when nothing else is said.
const CASES: u64 = 250;
/// How many run at once.
const LANES: usize = 4;
/// How long instances of a mapped task may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_does_what_the_interpreter_says() {
    let (first, cases) = (setting("COFFERDAM_MODEL_SEED", 1), setting("COFFERDAM_MODEL_CASES", CASES));
    let stage = Stage::new().await;
    let next = Arc::new(AtomicU64::new(first));
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..LANES {
        let (stage, next) = (stage.beside(), Arc::clone(&next));
        lanes.spawn(async move {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + cases {
                    return;
                }
                if let Err(difference) = agree(&stage, seed).await {
                    panic!("seed {seed}: {difference}\n{:#}", Case::random(seed).definition());
                }
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        if let Err(error) = lane {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test of many minutes is asked for through the environment")]
fn setting(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Runs a case through both, in a random order.
async fn agree(stage: &Stage, seed: u64) -> Result<(), String> {
    let case = Case::random(seed);
    let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
    let dag = stage.apply(case.definition()).await;
    let run = stage.trigger(&dag, json!({})).await.run;
    let mut ways = Interpreter::start(&case);
    let mut taken: BTreeMap<Instance, Taken> = BTreeMap::new();
    let mut steps = Vec::new();
    loop {
        let model = way_that_is_gone(stage, (run, &case), ways, &mut taken).await;
        let model = model.map_err(|difference| format!("after {steps:?}, {difference}"))?;
        if taken.is_empty() {
            return run_agrees(stage, run, &model).await;
        }
        // One result, or a few that are recorded together.
        let count = if rng.random_bool(0.3) { rng.random_range(1..=taken.len()) } else { 1 };
        let ending: Vec<Instance> = taken.keys().copied().sample(&mut rng, count);
        let ended = ending
            .iter()
            .map(|instance| {
                let one = taken.remove(instance).expect("it was taken");
                let ends = match model.ends(*instance) {
                    Ends::FailsForNow => Ending::failure(Reason::GuestError, "not yet"),
                    Ends::FailsForGood => failure(),
                    Ends::Skips => Ending::Skip { message: String::new() },
                    Ends::Returns(value) => success(value.clone()),
                    Ends::Chooses(tasks) => success(tasks.iter().map(|task| name(*task)).collect()),
                };
                (one, ends)
            })
            .collect();
        stage.end(ended).await;
        ways = model.end(&ending);
        steps.push(ending);
    }
}

async fn run_agrees(stage: &Stage, run: RunKey, model: &Interpreter<'_>) -> Result<(), String> {
    let (recorded, expected) = (stage.run(run).await, model.run_state());
    if expected == Some(recorded.state) && recorded.unfinished == 0 {
        Ok(())
    } else {
        Err(format!("the run is {:?} with {} unfinished, not {expected:?}", recorded.state, recorded.unfinished))
    }
}

/// Takes what runs, and finds which of the ways to go on the run has gone. What is mapped gets its instances in the background, so with that
/// it may take a moment.
async fn way_that_is_gone<'a>(
    stage: &Stage,
    (run, case): (RunKey, &'a Case),
    mut ways: Vec<Interpreter<'a>>,
    taken: &mut BTreeMap<Instance, Taken>,
) -> Result<Interpreter<'a>, String> {
    let mapped = !case.groups.is_empty() || case.tasks.iter().any(|task| task.over.is_some());
    let began = tokio::time::Instant::now();
    loop {
        for one in stage.take(100).await {
            let task = one.job.context.task_id.as_str()[1..].parse().expect("the number of a task");
            taken.insert((task, usize::try_from(one.job.context.map_index).unwrap_or(0)), one);
        }
        let recorded = instances(stage, run, case).await;
        let differences: Vec<Option<String>> = ways.iter().map(|way| difference(case, way, taken, &recorded)).collect();
        if let Some(gone) = differences.iter().position(Option::is_none) {
            return Ok(ways.swap_remove(gone));
        }
        if !mapped || began.elapsed() > PATIENCE {
            return Err(differences.into_iter().flatten().collect::<Vec<_>>().join("; or "));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What is recorded of the instances of each task, by index.
type Instances = Vec<BTreeMap<i32, (TaskStateName, Option<Reason>)>>;

async fn instances(stage: &Stage, run: RunKey, case: &Case) -> Instances {
    let mut found = vec![BTreeMap::new(); case.tasks.len()];
    for one in stage.instances(run).await {
        let task: usize = one.task_id.as_str()[1..].parse().expect("the number of a task");
        found[task].insert(one.map_index, (one.state, one.reason));
    }
    found
}

/// In what a run is not as the model says: what runs now, all that may run or as many as there is room for, and the state of each instance.
/// One that may run can also be held back, with its list not looked at yet.
fn difference(case: &Case, model: &Interpreter<'_>, taken: &BTreeMap<Instance, Taken>, recorded: &Instances) -> Option<String> {
    let ready = model.ready();
    let room = case.max_active_tasks.unwrap_or(usize::MAX);
    let running: BTreeSet<Instance> = taken.keys().copied().collect();
    if !running.is_subset(&ready) || running.len() != ready.len().min(room) {
        return Some(format!("{ready:?} may run, and these run: {running:?}"));
    }
    for (task, expected) in model.states.iter().enumerate() {
        let unlisted = recorded[task].get(&-1);
        if unlisted.is_none() && recorded[task].len() != expected.len() {
            return Some(format!("{} has {} instances, not {}", name(task), recorded[task].len(), expected.len()));
        }
        for (index, expected) in (0..).zip(expected) {
            let Some((state, reason)) = recorded[task].get(&index).or(unlisted) else {
                return Some(format!("{} has no instance {index}", name(task)));
            };
            let same = match state {
                TaskStateName::Scheduled => *expected == TaskStateName::Queued,
                other => other == expected,
            };
            if !same {
                return Some(format!("instance {index} of {} is {state} ({reason:?}), not {expected}", name(task)));
            }
        }
    }
    None
}
