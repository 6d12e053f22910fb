//! Dead letters: a task that came to nothing is found with its history, retried and discarded.

use crate::stage::visit;
use anyhow::ensure;
use cofferdam_api_types::{DeadLetterListQuery, TriggerDagRun};

const DAG: &str = "\
dag_id: doomed
tasks: [{task_id: only, component: test/behaves, input: {do: fatal, message: no good}}]
";

#[test]
fn a_dead_letter_is_read_retried_and_discarded() {
    visit("letters", async |visit| {
        let dag_id = visit.stage.apply(DAG).await?;
        visit.stage.client.trigger(&dag_id, &TriggerDagRun::default(), None).await?;
        visit.open_signed_in("/dead-letters?dag=doomed").await?;
        let row = "//section[@aria-label='Dead letters']//tbody/tr[1]";
        visit.reads(row, &["only", "doomed", "rules out another try", "no good", "Failed"]).await?;

        // The whole history, with why each try ended.
        visit.click(&format!("{row}//a[.='only']")).await?;
        visit.is_at("/dead-letters/").await?;
        visit.reads("//div[contains(@class, 'notice')]", &["rules out another try", "no good", "Mend its cause"]).await?;
        visit.reads("//section[@aria-label='Tries']//tbody/tr[1]", &["1", "rules out another try", "fuel"]).await?;

        // What would be retried is shown before it is. It fails again, so the letter stays.
        visit.click("//header//button[.='Retry']").await?;
        visit.reads("//dialog[@open]//section[@aria-label='Preview']", &["1 letter", "doomed · only"]).await?;
        visit.click("//dialog[@open]//footer/button[.='Retry']").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.reads("//section[@aria-label='Letter']", &["Retried", "1 time", "2 times"]).await?;
        visit.sees("//section[@aria-label='Tries']//tbody/tr[2]").await?;

        // All that fit the filter are discarded, with a remark that stays.
        visit.click("//header//a[.='Dead letters']").await?;
        visit.open("/dead-letters?dag=doomed&reason=fatal").await?;
        visit.click("//button[.='Discard all']").await?;
        visit.reads("//dialog[@open]//section[@aria-label='Preview']", &["1 letter"]).await?;
        visit.fill("//textarea[@id='discard-note']", "the supplier knows").await?;
        visit.click("//dialog[@open]//footer/button[.='Discard']").await?;
        visit.reads("//section[@aria-label='Dead letters']", &["Nothing waits for you here"]).await?;
        visit.click("//div[@aria-label='State']/button[.='Discarded']").await?;
        visit.click(&format!("{row}//a[.='only']")).await?;
        visit.reads("//section[@aria-label='Letter']", &["discarded by admin", "the supplier knows"]).await?;
        let query = DeadLetterListQuery {
            dag_id: Some(dag_id.to_string()),
            state: Some("discarded".to_owned()),
            ..DeadLetterListQuery::default()
        };
        ensure!(visit.stage.client.list_dead_letters(&query).await?.total_entries == 1);

        // How long it is kept is told, and set by an administrator.
        visit.click("//header//a[.='Dead letters']").await?;
        let kept = "//*[@aria-label='How long letters are kept']";
        let usual = visit.stage.client.dead_letter_retention().await?;
        visit.reads(kept, &[&format!("kept for {} days", usual.default_s / 86_400)]).await?;
        visit.click(&format!("{kept}//button[.='Change']")).await?;
        visit.click("//dialog[@open]//button[.='Another time']").await?;
        visit.fill("//input[@id='kept-count']", "4000").await?;
        visit.reads("//p[@id='kept-count-said'][@class='wrong']", &["at most ten years"]).await?;
        visit.fill("//input[@id='kept-count']", "36").await?;
        visit.choose("//dialog[@open]//select", "hours").await?;
        visit.click("//dialog[@open]//footer/button[.='Save']").await?;
        visit.reads(kept, &["kept for 36 hours"]).await?;
        ensure!(visit.stage.client.dead_letter_retention().await?.kept_s == 129_600);
        visit.click(&format!("{kept}//button[.='Change']")).await?;
        visit.click("//dialog[@open]//button[starts-with(., 'As configured')]").await?;
        visit.click("//dialog[@open]//footer/button[.='Save']").await?;
        visit.reads(kept, &[&format!("kept for {} days", usual.default_s / 86_400)]).await?;
        ensure!(visit.stage.client.dead_letter_retention().await?.is_default);
        Ok(())
    });
}
