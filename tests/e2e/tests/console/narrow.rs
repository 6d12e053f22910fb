//! Pages on a narrow screen: nothing stands beyond its edge, but for what scrolls by itself, as code and graphs do. The tests of what
//! all dags share look at their pages themselves. And a form that fits a screen of usual height.

use crate::stage::visit;
use anyhow::ensure;
use cofferdam_api_types::TriggerDagRun;

const DAG: &str = "\
dag_id: warehouse.nightly_reconciliation_of_ledgers
description: Compares what the ledgers say with what the warehouse has, line by line, and tells whom it concerns.
schedule: '30 6 * * 1-5'
start_date: 2026-01-01
timezone: America/Argentina/Buenos_Aires
tags: [narrow, warehouse, finance]
owners: [reconciliation-team]
groups: {load: {description: Everything into staging}}
tasks:
  - {task_id: find_partitions_to_reconcile, component: test/behaves, input: {do: echo, value: [5, 6, 7]}, produces: ['narrow://warehouse/ledgers/partitions']}
  - {task_id: each, component: test/behaves, group: load, input: {do: echo}, expand: {over: {value: {$from: find_partitions_to_reconcile}}}}
  - {task_id: broken_on_purpose_every_time, component: test/behaves, input: {do: fatal, message: no such ledger anywhere}, depends_on: [load]}
";

#[test]
fn no_page_is_wider_than_a_narrow_screen() {
    visit("narrow", async |visit| {
        let client = &visit.stage.client;
        let dag_id = visit.stage.apply(DAG).await?;
        let run = client.trigger(&dag_id, &TriggerDagRun::default(), None).await?.dag_run_id;
        client.put_webhook(&dag_id).await?;

        visit.resize(480, 900).await?;
        visit.open_signed_in("/dead-letters?dag=warehouse.nightly_reconciliation_of_ledgers").await?;
        visit.click("//section[@aria-label='Dead letters']//tbody/tr[1]//a").await?;
        visit.is_at("/dead-letters/").await?;
        let letter = visit.eval::<String>("location.pathname").await?;
        let of = |part: &str| format!("/dags/{dag_id}{part}");
        let at = |part: &str| format!("/dags/{dag_id}/runs/{run}{part}");
        let pages = [
            "/dags?q=reconciliation".to_owned(),
            of(""),
            of("/graph"),
            of("/runs"),
            of("/calendar?year=2026"),
            of("/backfills"),
            of("/definition"),
            of("/details"),
            at(""),
            at("?view=tasks"),
            at("?view=gantt"),
            at("?task=broken_on_purpose_every_time"),
            format!("/editor?dag={dag_id}"),
            "/components?q=test".to_owned(),
            "/components/test%2Falmanac".to_owned(),
            format!("/dead-letters?dag={dag_id}"),
            letter,
            format!("/backfills?dag={dag_id}"),
            "/assets?q=narrow".to_owned(),
            "/assets/graph".to_owned(),
            "/assets/events?uri=narrow%3A%2F%2Fwarehouse%2Fledgers%2Fpartitions".to_owned(),
            format!("/webhooks?q=reconciliation&dag={dag_id}"),
            format!("/audit?dag={dag_id}"),
            "/system".to_owned(),
        ];
        for page in pages {
            visit.open(&page).await?;
            visit.fits_narrow().await?;
        }
        Ok(())
    });
}

#[test]
fn the_form_of_a_backfill_fits_the_screen() {
    visit("backfill_fits", async |visit| {
        let dag = "{dag_id: fitting, schedule: '@hourly', tasks: [{task_id: only, component: test/behaves, input: {do: echo, value: 1}}]}";
        visit.stage.apply(dag).await?;
        visit.open_signed_in("/backfills?dag=fitting").await?;
        visit.resize(1440, 900).await?;
        visit.click("//button[.='New backfill']").await?;
        visit.reads("//dialog[@open]//section[@aria-label='What it would run']", &["runs would be made"]).await?;
        let fits = "(it => it.scrollHeight <= it.clientHeight && it.getBoundingClientRect().bottom <= innerHeight)(document.querySelector('dialog[open] .dialog'))";
        ensure!(visit.eval::<bool>(fits).await?, "the form has to be scrolled");
        Ok(())
    });
}
