//! A task that waits for a person.
//!
//! It asks once for each try and is then `deferred` until somebody decides ([`Engine::answer_approval`]), which ends the try, or until
//! it expires.

use super::{OwnWork, still_due};
use crate::pipeline::Followups;
use crate::record::XComWrite;
use crate::{Engine, EngineError};
use chrono::TimeDelta;
use cofferdam_domain::approval::{ApprovalWork, Decision};
use cofferdam_domain::context::Context;
use cofferdam_domain::ending::{Ending, Reason};
use cofferdam_ids::XComKey;
use cofferdam_store::approvals::{self, NewApproval};
use cofferdam_store::audit::{self, Action};
use cofferdam_store::execution::facts::XComValue;
use serde_json::{Value, json};

/// The event that a decision is. Nobody sends it by this name: a decision ends the try.
const EVENT: &str = "approval";
/// A question that does not expire is looked at again after this time, in case the world has changed.
const LOOK_AGAIN: TimeDelta = TimeDelta::days(30);
/// The most characters of a question.
const MESSAGE_CHARS: usize = 8_000;

impl Engine {
    pub(super) async fn ask(&self, own: &OwnWork, work: &ApprovalWork) -> Result<Vec<Followups>, EngineError> {
        let now = self.clock.now();
        let mut tx = self.store.begin(&Context::system(own.due.tenant, "engine")).await?;
        let Some(locked) = still_due(&mut tx, own).await? else { return Ok(Vec::new()) };
        let (message, until) = match (&own.input, &work.until_timezone) {
            (Value::Object(fields), Some(_)) => (fields.get("message"), fields.get("until").and_then(Value::as_str)),
            (message, _) => (Some(message), None),
        };
        let message: String = match message {
            Some(Value::String(message)) => message.chars().filter(|c| *c != '\0').take(MESSAGE_CHARS).collect(),
            other => other.map(ToString::to_string).unwrap_or_default().chars().take(MESSAGE_CHARS).collect(),
        };
        let expires_at = match work.expires_at(until, now) {
            Ok(expires_at) => expires_at,
            Err(error) => {
                let failure = Ending::failure(Reason::InvalidInput, format!("approval.until: {error}"));
                let followups = self.end_own_work(&mut tx, own, locked, (failure, Vec::new()), now).await?;
                tx.commit().await?;
                return Ok(vec![followups]);
            }
        };
        let new = NewApproval {
            instance: own.due.instance,
            try_number: own.due.try_number,
            tenant: own.due.tenant,
            message: &message,
            work,
            asked_at: now,
            expires_at,
        };
        let asked = approvals::ask(&mut tx, new).await?;
        let outcome = match (asked.decision, asked.expires_at) {
            (Some(decision), _) => outcome(work, &decision),
            (None, Some(expires_at)) if expires_at <= now => {
                let decision = work.expired(now);
                approvals::decide(&mut tx, own.due.instance, own.due.try_number, &decision).await?;
                let task = locked.first().map(|instance| instance.task_id.to_string()).unwrap_or_default();
                let target = format!("{}/{}/{task}", own.run.dag_id, own.run.dag_run_id);
                let done = Action { action: "approval.expire", target_kind: "task_instance", target: &target };
                let detail = json!({ "map_index": own.due.map_index, "on_expiry": work.on_expiry.as_str() });
                audit::append(&mut tx, done, &detail, now).await?;
                outcome(work, &decision)
            }
            (None, expires_at) => {
                let wait = expires_at.map_or(LOOK_AGAIN, |at| at - now);
                let timeout_ms = u64::try_from(wait.num_milliseconds()).unwrap_or(0).max(1);
                (Ending::Defer { event: EVENT.to_owned(), timeout_ms }, Vec::new())
            }
        };
        let followups = self.end_own_work(&mut tx, own, locked, outcome, now).await?;
        tx.commit().await?;
        Ok(vec![followups])
    }
}

/// How the try ends by a decision, and what it leaves: the decision is the task's output, also when it was no.
pub(crate) fn outcome(work: &ApprovalWork, decision: &Decision) -> (Ending, Vec<XComWrite>) {
    let output = decision.output().to_string();
    let xcom = XComWrite { key: XComKey::return_value(), size_bytes: output.len() as u64, value: XComValue::Inline(output) };
    (work.ending(decision), vec![xcom])
}
