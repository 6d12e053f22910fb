//! What dags share: pools, assets, and the intervals that backfills run.

use crate::stage::visit;
use anyhow::ensure;
use cofferdam_api_types::{BackfillListQuery, BackfillState};

#[test]
fn pools_are_added_changed_sorted_and_deleted() {
    visit("pools", async |visit| {
        visit.open_signed_in("/pools").await?;
        visit.reads("//tbody/tr[.//span[.='default_pool']]", &["No bound"]).await?;
        visit.click("//button[.='Add a pool']").await?;
        visit.until("document.activeElement.matches('#pool-name')").await?;
        visit.fill("//input[@id='pool-name']", "warehouse").await?;
        visit.fill("//input[@id='pool-slots']", "-1").await?;
        visit.reads("//p[@id='pool-slots-said']", &["from 0 to 1,000,000"]).await?;
        visit.fill("//input[@id='pool-slots']", "4").await?;
        visit.fill("//input[@id='pool-description']", "connections to the warehouse").await?;
        visit.press("Enter").await?;
        visit.sees_no("//dialog[@open]").await?;
        let row = "//tbody/tr[.//span[.='warehouse']]";
        visit.reads(row, &["connections to the warehouse", "4", "Nothing", "Give them back"]).await?;
        visit.sees(&format!("{row}//div[@role='img'][@aria-label='Nothing, of 4 slots']")).await?;
        visit.fits_narrow().await?;

        // The default pool has no bound and comes before it; the address keeps the order.
        visit.click("//th//button[contains(., 'Slots')]").await?;
        visit.until("location.search === '?order=slots'").await?;
        visit.reads("//tbody/tr[last()]", &["warehouse"]).await?;
        visit.click("//th//button[contains(., 'Slots')]").await?;
        visit.shows("//th[contains(., 'Slots')]", "aria-sort", "descending").await?;
        visit.reads("//tbody/tr[1]", &["warehouse"]).await?;

        visit.click("//button[@aria-label='Edit warehouse']").await?;
        visit.fill("//input[@id='pool-slots']", "8").await?;
        visit.click("//label[contains(., 'keep their slots')]").await?;
        visit.click("//dialog[@open]//button[.='Save']").await?;
        visit.reads(row, &["8", "Keep their slots"]).await?;

        // One that a dag names stays, and the server says why.
        visit.stage.apply("{dag_id: pooled, tasks: [{task_id: only, component: test/behaves, pool: warehouse}]}").await?;
        visit.forgive("409 (Conflict)");
        visit.click("//button[@aria-label='Delete warehouse']").await?;
        visit.click("//dialog[@open]//button[.='Delete the pool']").await?;
        visit.reads("//div[@class='toasts']", &["pooled"]).await?;
        visit.stage.client.delete_dag(&"pooled".parse()?).await?;
        visit.click("//button[@aria-label='Delete warehouse']").await?;
        visit.click("//dialog[@open]//button[.='Delete the pool']").await?;
        visit.sees_no(row).await
    });
}

#[test]
fn a_backfill_is_forecast_made_paused_and_ended() {
    visit("backfills", async |visit| {
        let dag = "{dag_id: filled, schedule: '@daily', tasks: [{task_id: only, component: test/behaves, input: {do: echo, value: 1}}]}";
        let dag_id = visit.stage.apply(dag).await?;
        visit.open_signed_in("/backfills?dag=filled").await?;
        visit.reads("//section[@aria-label='Backfills']", &["No backfills yet", "cofferdam backfill create"]).await?;
        visit.click("//button[.='New backfill']").await?;
        visit.until("document.querySelector('#backfill-dag').value === 'filled'").await?;
        // One year: it is not through before it is paused.
        for (id, value) in [("backfill-from", "2020-01-01T00:00"), ("backfill-to", "2020-12-30T00:00")] {
            let set = "const it = document.getElementById(ID); it.value = VALUE; !!it.dispatchEvent(new Event('input', {bubbles: true}));";
            visit
                .eval::<bool>(&format!(
                    "(() => {{ {} return true }})()",
                    set.replace("ID", &format!("'{id}'")).replace("VALUE", &format!("'{value}'"))
                ))
                .await?;
        }
        visit.reads("//dialog[@open]", &["365 runs would be made"]).await?;
        visit.fill("//input[@id='backfill-at-once']", "1").await?;
        visit.reads("//dialog[@open]", &["365 runs would be made"]).await?;
        visit.click("//dialog[@open]//button[.='Start the backfill']").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.reads("//tbody/tr[1]", &["filled", "1 run at once", "/ 365"]).await?;
        visit.click("//button[@aria-label='Pause the backfill of filled']").await?;
        visit.reads("//tbody/tr[1]", &["Paused"]).await?;
        visit.fits_narrow().await?;
        visit.click("//button[@aria-label='Resume the backfill of filled']").await?;
        visit.reads("//tbody/tr[1]", &["Running"]).await?;
        visit.click("//button[@aria-label='End the backfill of filled']").await?;
        visit.click("//dialog[@open]//button[.='End the backfill']").await?;
        visit.reads("//tbody/tr[1]", &["Cancelled"]).await?;
        let query = BackfillListQuery { dag_id: Some(dag_id), ..BackfillListQuery::default() };
        let all = visit.stage.client.list_backfills(&query).await?.backfills;
        ensure!(all.len() == 1 && all[0].state == BackfillState::Cancelled && all[0].max_active_runs == 1, "{all:?}");
        Ok(())
    });
}

#[test]
fn assets_are_listed_told_and_drawn() {
    visit("assets", async |visit| {
        visit
            .stage
            .apply("{dag_id: grower, tasks: [{task_id: grow, component: test/behaves, produces: ['farm://wheat']}]}")
            .await?;
        let baker = "{dag_id: baker, schedule: {assets: 'farm://wheat'}, tasks: [{task_id: bake, component: test/behaves, input: {do: echo, value: 1}}]}";
        visit.stage.apply(baker).await?;
        visit.open_signed_in("/assets").await?;
        visit.fill("//input[@type='search']", "wheat").await?;
        visit.until("location.search === '?q=wheat'").await?;
        visit.reads("//tbody/tr[1]", &["farm://wheat", "grower", "grow", "baker", "Never"]).await?;
        visit.fits_narrow().await?;

        // It is told by hand, and the dag that waits for it runs.
        visit.click("//button[@aria-label='Tell a change of farm://wheat']").await?;
        visit.fill("//textarea[@id='asset-extra']", "not JSON").await?;
        visit.reads("//p[@id='asset-extra-said'][@class='wrong']", &["This is not JSON"]).await?;
        visit.fill("//textarea[@id='asset-extra']", "{\"sacks\": 3}").await?;
        visit.click("//dialog[@open]//button[.='Tell']").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.click("//tbody//a[.='farm://wheat']").await?;
        visit.until("location.search === '?uri=farm%3A%2F%2Fwheat'").await?;
        visit.reads("//tbody/tr[1]", &["farm://wheat", "Told over the API", "{\"sacks\":3}", "baker", "Success"]).await?;
        visit.fits_narrow().await?;

        // In the graph, a dag leads to its page.
        visit.click("//nav[@aria-label='Views of the assets']//a[contains(., 'Graph')]").await?;
        visit.is_at("/assets/graph").await?;
        visit.sees("//*[@role='button'][contains(@aria-label, 'farm://wheat')]").await?;
        visit.click("//*[@role='button'][starts-with(@aria-label, 'baker')]").await?;
        visit.is_at("/dags/baker").await
    });
}
