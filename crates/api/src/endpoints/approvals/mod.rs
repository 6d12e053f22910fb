//! What tasks ask people, and what they decide.

mod decide;
mod get;
mod list;

use crate::App;
use crate::endpoints::auth::wire_role;
use cofferdam_api_types::{Approval, ApprovalDecision, ApprovalState, Approvers, OnExpiry};
use cofferdam_domain::approval::{self, Verdict};
use cofferdam_domain::context::Context;
use cofferdam_store::approvals;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::handler))
        .routes(routes!(get::handler))
        .routes(routes!(decide::approve))
        .routes(routes!(decide::reject))
}

/// An approval, as it is sent to whoever asks.
fn wire(approval: approvals::Approval, context: &Context) -> Approval {
    let state = match (&approval.decision, approval.waiting) {
        (Some(decision), _) => match decision.verdict {
            Verdict::Approved => ApprovalState::Approved,
            Verdict::Rejected => ApprovalState::Rejected,
            Verdict::Expired => ApprovalState::Expired,
        },
        (None, true) => ApprovalState::Waiting,
        (None, false) => ApprovalState::Withdrawn,
    };
    Approval {
        dag_id: approval.dag_id,
        dag_run_id: approval.dag_run_id,
        task_id: approval.task_id,
        map_index: approval.map_index,
        try_number: approval.try_number,
        state,
        message: approval.message,
        may_decide: approval.waiting && approval.who.include(context),
        who: Approvers { users: approval.who.users, roles: approval.who.roles.into_iter().map(wire_role).collect() },
        options: approval.options,
        asked_at: approval.asked_at,
        expires_at: approval.expires_at,
        on_expiry: match approval.on_expiry {
            approval::OnExpiry::Fail => OnExpiry::Fail,
            approval::OnExpiry::Skip => OnExpiry::Skip,
            approval::OnExpiry::Approve => OnExpiry::Approve,
        },
        decision: approval.decision.map(|decision| ApprovalDecision {
            by: decision.by,
            at: decision.at,
            choice: decision.choice,
            note: decision.note,
        }),
    }
}
