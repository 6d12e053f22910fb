use super::session::Session;
use crate::cli::{ApprovalCommand, TaskOfRunArgs};
use crate::failure::Failure;
use crate::output::{Table, table};
use cofferdam_client::TaskInstanceRef;
use cofferdam_client::api::{
    Approval, ApprovalCollection, ApprovalListQuery, ApprovalSelection, ApprovalState, Approve, Approvers, Reject,
};

/// Lists approvals and decides them.
pub async fn run(session: &Session, command: ApprovalCommand) -> Result<(), Failure> {
    let client = session.client().await?;
    let refused = |error| session.failure(error);
    match command {
        ApprovalCommand::List { dag_id, all, mine, order_by, page } => {
            let query = ApprovalListQuery {
                state: all.then_some(ApprovalSelection::All),
                dag_id,
                mine: mine.then_some(true),
                limit: page.limit,
                offset: page.offset,
                order_by: Some(order_by),
                ..ApprovalListQuery::default()
            };
            let listed = client.list_approvals(&query).await.map_err(refused)?;
            session.output.print(&listed, list)
        }
        ApprovalCommand::Show(task) => {
            let map_index = task.map_index.unwrap_or(-1);
            let approval = client.get_approval(&named(&task), map_index).await.map_err(refused)?;
            session.output.say(&approval, show)
        }
        ApprovalCommand::Approve { task, choice, note } => {
            let approve = Approve { choice, note, map_index: task.map_index };
            let decided = client.approve(&named(&task), &approve).await.map_err(refused)?;
            session.output.say(&decided, said)
        }
        ApprovalCommand::Reject { task, note } => {
            let reject = Reject { note, map_index: task.map_index };
            let decided = client.reject(&named(&task), &reject).await.map_err(refused)?;
            session.output.say(&decided, said)
        }
    }
}

fn named(task: &TaskOfRunArgs) -> TaskInstanceRef {
    TaskInstanceRef { dag: task.dag_id.clone(), run: task.run_id.clone(), task: task.task_id.clone() }
}

fn said(approval: &Approval) -> String {
    format!("The task '{}' of {} is {}.", approval.task_id, approval.dag_run_id, approval.state.as_str())
}

fn list(listed: &ApprovalCollection) -> Table {
    let mut rows = Table::new(&["asked", "dag", "run", "task", "state", "you", "expires", "message"], "Nobody is asked.");
    for one in &listed.approvals {
        let you = match (one.state, one.may_decide) {
            (ApprovalState::Waiting, true) => "may decide",
            (ApprovalState::Waiting, false) => "are not asked",
            _ => "-",
        };
        rows.row([
            table::time(one.asked_at),
            one.dag_id.to_string(),
            one.dag_run_id.to_string(),
            match one.map_index {
                -1 => one.task_id.to_string(),
                index => format!("{}[{index}]", one.task_id),
            },
            one.state.as_str().to_owned(),
            you.to_owned(),
            table::maybe_time(one.expires_at),
            one.message.lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    rows
}

fn show(approval: &Approval) -> String {
    let mut properties = vec![
        ("state", approval.state.as_str().to_owned()),
        ("asked", table::time(approval.asked_at)),
        ("who", who(&approval.who)),
        ("expires", table::maybe_time(approval.expires_at)),
    ];
    if !approval.options.is_empty() {
        properties.push(("options", approval.options.join(", ")));
    }
    if let Some(decision) = &approval.decision {
        properties.push(("decided", table::time(decision.at)));
        let optional = [("by", &decision.by), ("choice", &decision.choice), ("note", &decision.note)];
        properties.extend(optional.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
    }
    format!("{}\n\n{}", Table::properties(properties), approval.message)
}

fn who(who: &Approvers) -> String {
    let roles = who.roles.iter().map(|role| format!("role {}", role.as_str()));
    who.users.iter().cloned().chain(roles).collect::<Vec<_>>().join(", ")
}
