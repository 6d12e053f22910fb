//! Tasks that no run comes to, because of the trigger rules above them.

use super::{DagDefinition, Diagnostic, DiagnosticCode as Code, graph, join};
use crate::trigger_rule::{TriggerRule, UpstreamCounts, Verdict};

/// Tasks above another that are tried out together, and how many ways of ending are tried in all. Where there are more, nothing
/// is claimed.
const MAX_ABOVE: usize = 9;
const MAX_STEPS: usize = 400_000;

/// How a task can end, as far as trigger rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Success,
    Failed,
    UpstreamFailed,
    Skipped,
}

/// Notes the tasks that never run, whatever those above them do, and rules that ask for upstream tasks where there are none.
pub(super) fn check(dag: &DagDefinition, upstream: &[Vec<usize>], found: &mut Vec<Diagnostic>) {
    let Ok(order) = graph::order(upstream) else { return };
    let rules: Vec<TriggerRule> =
        dag.tasks.iter().map(|task| task.trigger_rule.or(dag.defaults.trigger_rule).unwrap_or_default()).collect();
    let mut steps = MAX_STEPS;
    for (index, task) in dag.tasks.iter().enumerate() {
        let at = format!("/tasks/{index}");
        if upstream[index].is_empty() {
            if let Some(rule) = task.trigger_rule.filter(|rule| asks_for_upstream(*rule)) {
                let message = format!("'{rule}' asks for tasks to wait for, and there are none: the task starts with its run");
                found.push(Diagnostic::warning(Code::NoEffect, join(&at, "trigger_rule"), message));
            }
            continue;
        }
        let above = above(upstream, index);
        // Only these rules need another ending than success. Without them above, all succeed, or none does.
        let odd = |other: &usize| {
            matches!(rules[*other], TriggerRule::AllFailed | TriggerRule::OneFailed | TriggerRule::AllSkipped)
                && !upstream[*other].is_empty()
        };
        // Branches and teardowns change what rules say.
        let plain = |other: &usize| {
            let task = &dag.tasks[*other];
            !task.branch && task.short_circuit.is_none() && !task.setup && task.teardown.is_none()
        };
        if above.len() > MAX_ABOVE || !above.iter().any(odd) || !above.iter().chain([&index]).all(plain) {
            continue;
        }
        let above: Vec<usize> = order.iter().copied().filter(|other| above.contains(other)).collect();
        let mut search = Search { upstream, rules: &rules, above: &above, ends: vec![None; upstream.len()], steps: &mut steps };
        if search.can_run(index, 0) == Some(false) {
            let rule = rules[index];
            let message =
                format!("the task '{}' never runs: '{rule}' cannot come true, however the tasks above it end", task.task_id);
            let pointer = if task.trigger_rule.is_some() { join(&at, "trigger_rule") } else { join(&at, "task_id") };
            let mut problem = Diagnostic::warning(Code::NeverRuns, pointer, message);
            for other in above.iter().filter(|other| odd(other)) {
                let place = if dag.tasks[*other].trigger_rule.is_some() { "trigger_rule" } else { "task_id" };
                let says = format!("'{}' runs under '{}'", dag.tasks[*other].task_id, rules[*other]);
                problem = problem.label(join(&format!("/tasks/{other}"), place), says);
            }
            found.push(problem.help("look at the trigger rules of the tasks above it"));
        }
    }
}

const fn asks_for_upstream(rule: TriggerRule) -> bool {
    match rule {
        TriggerRule::AllFailed
        | TriggerRule::AllSkipped
        | TriggerRule::OneSuccess
        | TriggerRule::OneFailed
        | TriggerRule::OneDone
        | TriggerRule::NoneFailedMinOneSuccess => true,
        // What these say of all upstream tasks is true of none.
        TriggerRule::AllSuccess
        | TriggerRule::AllDone
        | TriggerRule::NoneFailed
        | TriggerRule::NoneSkipped
        | TriggerRule::Always => false,
    }
}

/// All tasks above one; no more than are looked at.
fn above(upstream: &[Vec<usize>], task: usize) -> Vec<usize> {
    let mut all: Vec<usize> = Vec::new();
    let mut next = upstream[task].clone();
    while let Some(other) = next.pop() {
        if !all.contains(&other) {
            all.push(other);
            if all.len() > MAX_ABOVE {
                break;
            }
            next.extend(&upstream[other]);
        }
    }
    all
}

struct Search<'a> {
    upstream: &'a [Vec<usize>],
    rules: &'a [TriggerRule],
    above: &'a [usize],
    ends: Vec<Option<End>>,
    steps: &'a mut usize,
}

impl Search<'_> {
    /// Whether the tasks above, from one on, can end so that the task runs. `None` when too much would have to be tried.
    fn can_run(&mut self, task: usize, from: usize) -> Option<bool> {
        *self.steps = self.steps.checked_sub(1)?;
        let Some(other) = self.above.get(from).copied() else {
            return Some(self.verdict(task).0 == Verdict::Ready);
        };
        let (verdict, counts) = self.verdict(other);
        let ends: &[End] = match verdict {
            // Any task can fail, and can ask to be skipped.
            Verdict::Ready => &[End::Success, End::Failed, End::Skipped],
            // Which of the two it is depends on who ended first.
            _ if counts.skipped > 0 && counts.failed + counts.upstream_failed > 0 => &[End::Skipped, End::UpstreamFailed],
            Verdict::UpstreamFailed => &[End::UpstreamFailed],
            Verdict::Skip | Verdict::Wait => &[End::Skipped],
        };
        for end in ends {
            self.ends[other] = Some(*end);
            if self.can_run(task, from + 1)? {
                return Some(true);
            }
        }
        Some(false)
    }

    fn verdict(&self, task: usize) -> (Verdict, UpstreamCounts) {
        let mut counts = UpstreamCounts::of(i32::try_from(self.upstream[task].len()).unwrap_or(i32::MAX));
        for end in self.upstream[task].iter().filter_map(|other| self.ends[*other]) {
            match end {
                End::Success => counts.success += 1,
                End::Failed => counts.failed += 1,
                End::UpstreamFailed => counts.upstream_failed += 1,
                End::Skipped => counts.skipped += 1,
            }
        }
        (self.rules[task].verdict(&counts), counts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, validate};
    use serde_json::json;

    fn told(tasks: &[(&str, &str, &[&str])]) -> Vec<String> {
        let tasks: Vec<_> = tasks
            .iter()
            .map(|(id, rule, above)| json!({ "task_id": id, "component": "c", "trigger_rule": rule, "depends_on": above }))
            .collect();
        let dag = parse(json!({ "dag_id": "d", "tasks": tasks })).unwrap();
        validate(&dag).iter().map(|problem| format!("{} {}", problem.code, problem.pointer)).collect()
    }

    #[test]
    fn tasks_that_can_run_are_not_mentioned() {
        for rule in
            ["all_success", "all_failed", "all_done", "all_skipped", "one_success", "one_failed", "one_done", "none_failed"]
        {
            assert_eq!(
                told(&[("a", "all_success", &[]), ("b", "all_success", &["a"]), ("c", rule, &["a", "b"])]),
                [""; 0],
                "{rule}"
            );
            assert_eq!(told(&[("a", "all_success", &[]), ("b", "one_failed", &["a"]), ("c", rule, &["b"])]), [""; 0], "{rule}");
        }
        // The one that mends what failed is skipped otherwise.
        let mended = [
            ("a", "all_success", &[][..]),
            ("mend", "one_failed", &["a"]),
            ("end", "none_failed_min_one_success", &["a", "mend"]),
        ];
        assert_eq!(told(&mended), [""; 0]);
    }

    #[test]
    fn contradictions_above_a_task_are_found() {
        // When 'a' succeeds, 'b' is skipped; when 'b' runs, 'a' failed.
        let base = [("a", "all_success", &[][..]), ("b", "all_failed", &["a"])];
        let with = |rule: &'static str| told(&[base[0], base[1], ("c", rule, &["a", "b"])]);
        assert_eq!(with("all_success"), ["never_runs /tasks/2/trigger_rule"]);
        assert_eq!(with("all_done"), [""; 0]);
        assert_eq!(with("none_skipped"), [""; 0], "'a' can fail and 'b' run");
        // What hangs below one that never runs is skipped with it.
        let below = told(&[base[0], base[1], ("c", "all_success", &["a", "b"]), ("d", "all_success", &["c"])]);
        assert_eq!(below, ["never_runs /tasks/2/trigger_rule", "never_runs /tasks/3/trigger_rule"]);
    }

    #[test]
    fn rules_that_ask_for_upstream_tasks_have_no_effect_without() {
        assert_eq!(told(&[("a", "one_failed", &[])]), ["no_effect /tasks/0/trigger_rule"]);
        assert_eq!(told(&[("a", "none_failed", &[])]), [""; 0]);
    }
}
