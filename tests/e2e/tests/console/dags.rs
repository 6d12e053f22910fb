//! The list of dags: schedules, the switch, and the dialog that starts a run.

use crate::stage::visit;
use anyhow::{Context as _, ensure};
use cofferdam_api_types::DagRunListQuery;
use serde_json::json;

const DAG: &str = "\
dag_id: listed
description: Adds numbers up.
schedule: '30 6 * * 1'
timezone: Europe/Paris
tags: [numbers]
tasks:
  - task_id: only
    component: test/behaves
    input: {do: echo, value: {$conf: /value, default: 1}}
";

#[test]
fn a_dag_is_listed_paused_and_triggered() {
    visit("dags", async |visit| {
        let dag_id = visit.stage.apply(DAG).await?;
        let dag = visit.stage.client.get_dag(&dag_id).await?;
        let (words, next) = (dag.schedule_in_words.context("words")?, dag.next_run.context("a next run")?);
        visit.open_signed_in("/dags").await?;
        let row = "//tr[.//a[.='listed']]";
        // The page makes a sentence of the words.
        visit.reads(row, &["Adds numbers up.", "numbers", &words[1..], "30 6 * * 1", "Europe/Paris", "in "]).await?;
        let due = next.due_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        visit.shows(&format!("{row}//time"), "datetime", &due).await?;

        // The switch, which the server remembers.
        let switch = format!("{row}//button[@role='switch']");
        visit.shows(&switch, "aria-checked", "true").await?;
        visit.click(&switch).await?;
        visit.shows(&switch, "aria-checked", "false").await?;
        ensure!(visit.stage.client.get_dag(&dag_id).await?.is_paused);
        visit.reload().await?;
        visit.shows(&switch, "aria-checked", "false").await?;
        visit.reads(row, &["Paused"]).await?;
        visit.click(&switch).await?;
        visit.shows(&switch, "aria-checked", "true").await?;
        ensure!(!visit.stage.client.get_dag(&dag_id).await?.is_paused);

        // The dialog takes a JSON object and nothing else.
        visit.click("//button[@aria-label='Trigger listed']").await?;
        let (conf, submit) = ("//dialog[@open]//textarea", "//dialog[@open]//footer/button[.='Trigger']");
        for (text, problem) in [("{\"value\": 7", "This is not JSON"), ("[7]", "The conf is a JSON object")] {
            visit.fill(conf, text).await?;
            visit.reads("//dialog[@open]//*[@id='trigger-conf-hint']", &[problem]).await?;
            visit.shows(conf, "aria-invalid", "true").await?;
            visit.sees(&format!("{submit}[@disabled]")).await?;
        }
        visit.fill(conf, "{\"value\": 7}").await?;
        visit.click(submit).await?;
        visit.is_at("/dags/listed/runs/").await?;
        visit.reads("//header//*[contains(@class, 'pill')]", &["Success"]).await?;

        let query = DagRunListQuery { limit: 10, ..DagRunListQuery::default() };
        let runs = visit.stage.client.list_dag_runs(&dag_id, &query).await?.dag_runs;
        ensure!(runs.len() == 1, "{runs:?}");
        ensure!(serde_json::to_value(&runs[0].conf)? == json!({"value": 7}), "{runs:?}");
        Ok(())
    });
}
