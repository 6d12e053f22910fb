//! Questions of tasks: who is asked sees it in the navigation, decides, and the run goes on.

use crate::stage::visit;
use anyhow::ensure;
use cofferdam_api_types::{ApprovalListQuery, ApprovalSelection, ApprovalState, TriggerDagRun};

const DAG: &str = "\
dag_id: asking
tasks:
  - task_id: ask
    approval: {message: 'Publish the figures?', options: [everywhere, here]}
  - task_id: publish
    component: test/behaves
    depends_on: [ask]
    input: {do: echo, value: 1}
";

#[test]
fn a_question_is_answered_with_a_choice_and_a_note() {
    visit("approvals", async |visit| {
        let dag_id = visit.stage.apply(DAG).await?;
        visit.stage.client.trigger(&dag_id, &TriggerDagRun::default(), None).await?;
        visit.open_signed_in("/approvals?dag=asking").await?;
        let question = "//section[@aria-label='Approvals']//li";
        visit.reads(question, &["Publish the figures?", "asking · ask", "operator", "everywhere / here"]).await?;
        visit.reads("//nav//a[contains(., 'Approvals')]", &["for you"]).await?;
        visit.fits_narrow().await?;
        visit.click("//button[@aria-label='Approve asking: ask']").await?;
        // One of the options has to be chosen.
        visit.sees("//dialog[@open]//button[.='Approve'][@disabled]").await?;
        visit.click("//dialog[@open]//label[.='here']").await?;
        visit.fill("//textarea[@id='decision-note']", "checked with sales").await?;
        visit.click("//dialog[@open]//button[.='Approve']").await?;
        visit.reads("//section[@aria-label='Approvals']", &["Nothing waits for a decision"]).await?;
        visit.click("//div[@aria-label='State']/button[.='Settled']").await?;
        visit.until("location.search === '?dag=asking&state=settled'").await?;
        visit.reads(question, &["Approved", "by admin", "here", "checked with sales"]).await?;
        let query =
            ApprovalListQuery { state: Some(ApprovalSelection::All), dag_id: Some(dag_id), ..ApprovalListQuery::default() };
        let all = visit.stage.client.list_approvals(&query).await?.approvals;
        ensure!(all.len() == 1 && all[0].state == ApprovalState::Approved, "{all:?}");

        // The log of what was done has it; an entry's action is a filter.
        visit.click("//nav//a[contains(., 'Audit log')]").await?;
        visit.click("//tbody//button[.='approval.approve']").await?;
        visit.until("location.search === '?event=approval.approve'").await?;
        visit.reads("//tbody/tr[1]", &["admin", "approval.approve", "asking"]).await
    });
}
