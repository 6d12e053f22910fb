//! The pages of a dag and of a run: groups, mapped tasks, what a person does to a run, versions, the calendar, backfills.

use crate::stage::visit;
use anyhow::{Context as _, ensure};
use cofferdam_api_types::{DagRunState, TaskState, TriggerDagRun};
use serde_json::json;

const GROUPED: &str = "\
dag_id: grouped
params:
  limit: {schema: {type: integer, minimum: 1}, default: 100, description: The most that is read.}
  region: {schema: {type: string, enum: [eu, us]}, default: eu}
groups: {load: {description: Everything into staging}}
tasks:
  - {task_id: find, component: test/behaves, input: {do: echo, value: [5, 6, 7]}}
  - {task_id: orders, component: test/behaves, group: load, input: {do: echo, value: {$param: limit}}}
  - {task_id: clean, component: test/behaves, group: load.tidy, input: {do: echo, value: {$from: orders}}}
  - {task_id: each, component: test/behaves, input: {do: echo}, expand: {over: {value: {$from: find}}}}
  - {task_id: last, component: test/behaves, input: {do: echo, value: 1}, depends_on: [load, each], trigger_rule: all_done}
";

#[test]
fn groups_fold_and_a_mapped_task_is_one_box_with_its_instances() {
    visit("grouped", async |visit| {
        let dag_id = visit.stage.apply(GROUPED).await?;
        visit.open_signed_in("/dags/grouped").await?;

        // The form of the trigger is made from the parameters.
        visit.click("//header//button[.='Trigger']").await?;
        let limit = "//dialog[@open]//input[@id='param-limit']";
        visit.fill(limit, "many").await?;
        visit.reads("//dialog[@open]//*[@id='trigger-conf-said']", &["limit: type a whole number"]).await?;
        visit.sees("//dialog[@open]//footer/button[.='Trigger'][@disabled]").await?;
        visit.fill(limit, "7").await?;
        visit.choose("//dialog[@open]//select[@id='param-region']", "us").await?;
        visit.reads("//dialog[@open]//*[@id='trigger-conf-said']", &["{\"limit\":7,\"region\":\"us\"}"]).await?;
        visit.click("//dialog[@open]//footer/button[.='Trigger']").await?;
        visit.is_at("/dags/grouped/runs/").await?;
        visit.reads("//header//*[contains(@class, 'pill')]", &["Success"]).await?;
        let run = visit.stage.client.list_dag_runs(&dag_id, &Default::default()).await?.dag_runs.remove(0);
        ensure!(run.conf == json!({ "limit": 7, "region": "us" }), "{run:?}");

        // The graph of the run: a group folds into one box, and the address says so.
        let node = |name: &str| format!("//*[name()='g' and starts-with(@aria-label, '{name},')]");
        let text = |name: &str| format!("{}//*[@class='node-text']", node(name));
        visit.shows(&node("clean"), "data-state", "success").await?;
        visit.click("//*[@aria-label='Fold the group load']").await?;
        visit.until("location.search.includes('fold=load')").await?;
        visit.sees_no(&node("clean")).await?;
        visit.reads(&text("Group load"), &["2 of 2"]).await?;

        // The mapped task: its instances, and one of them.
        visit.reads(&text("each"), &["3 of 3"]).await?;
        visit.click(&node("each")).await?;
        visit.reads("//aside//table", &["[0]", "[1]", "[2]"]).await?;
        visit.fill("//aside//input[@aria-label='Go to the index']", "1").await?;
        visit.click("//aside//button[.='Go']").await?;
        visit.until("location.search.includes('map_index=1')").await?;
        visit.click("//aside//button[@role='tab'][.='Input']").await?;
        visit.reads("//aside//*[@aria-label='Input']//pre", &["\"value\": 6"]).await?;
        visit.click("//aside//button[@role='tab'][.='XComs']").await?;
        visit.reads("//aside//section[@aria-label='XCom return_value']", &["6"]).await?;

        // The grid: a row for each task below its group, a number where there are several instances.
        visit.open("/dags/grouped").await?;
        visit.reads("//a[@data-cell][starts-with(@aria-label, 'each: 3 success')]", &["3"]).await?;
        visit.sees("//tr[th//button[@aria-label='Fold the group load.tidy']]").await?;
        visit.click("//button[@aria-label='Fold the group load']").await?;
        visit.sees_no("//tr[th[.='orders']]").await?;
        visit.reload().await?;
        visit.sees("//button[@aria-label='Unfold the group load']").await?;
        visit.sees_no("//tr[th[.='orders']]").await
    });
}

const TYPED_EDGE: &str = "\
dag_id: typed_edge
tasks:
  - {task_id: greet, component: test/almanac, function: hello, input: {who: you}}
  - {task_id: answer, component: test/almanac, function: hello, input: {who: {$from: greet}}}
";

#[test]
fn an_edge_tells_the_types_of_its_ends() {
    visit("typed_edge", async |visit| {
        visit.stage.apply(TYPED_EDGE).await?;
        visit.open_signed_in("/dags/typed_edge/graph").await?;
        visit
            .until("document.querySelector('.edge-label title')?.textContent === 'Input: who\\ngreet gives string\\nanswer takes who: string'")
            .await
    });
}

const TOUCHED: &str = "\
dag_id: touched
tasks:
  - {task_id: first, component: test/behaves, input: {do: echo, value: 1}}
  - {task_id: broken, component: test/behaves, input: {do: fatal, message: no such station}, depends_on: [first]}
  - {task_id: after, component: test/behaves, input: {do: echo, value: 2}, depends_on: [broken]}
";

#[test]
fn what_is_done_to_a_run_is_shown_before_it_is_done() {
    visit("touched", async |visit| {
        let client = &visit.stage.client;
        let dag_id = visit.stage.apply(TOUCHED).await?;
        let run = client.trigger(&dag_id, &TriggerDagRun::default(), None).await?.dag_run_id;
        let state = async |task: &str| -> anyhow::Result<(TaskState, u32)> {
            let all = client.list_task_instances(&dag_id, &run).await?.task_instances;
            let found = all.into_iter().find(|it| it.task_id.as_str() == task).context("the task")?;
            Ok((found.state, found.try_number))
        };
        visit.open_signed_in(&format!("/dags/touched/runs/{run}?task=broken")).await?;
        let pill = "//header[contains(@class, 'page-head')]//*[contains(@class, 'pill')]";
        visit.reads(pill, &["Failed"]).await?;
        let dialog = "//dialog[@open]";
        let act = async |place: &str, item: &str| -> anyhow::Result<()> {
            visit.click(&format!("{place}//button[@aria-haspopup='menu'][contains(., 'Actions')]")).await?;
            visit.click(&format!("{place}//button[@role='menuitem'][.='{item}']")).await
        };

        // Clearing is looked at first, with what comes after it, and given up.
        act("//aside", "Clear…").await?;
        let preview = format!("{dialog}//section[@aria-label='What it touches']");
        visit.reads(&preview, &["1 task instance", "broken", "Failed"]).await?;
        visit.click(&format!("{dialog}//label[.='Tasks after']")).await?;
        visit.reads(&preview, &["2 task instances", "after", "Upstream failed"]).await?;
        visit.click(&format!("{dialog}//footer/button[.='Cancel']")).await?;
        ensure!(state("broken").await? == (TaskState::Failed, 1));

        // So is a mark of the whole run.
        let head = "//header[contains(@class, 'page-head')]";
        act(head, "Mark as success…").await?;
        visit.reads(&preview, &["2 task instances", "broken", "Failed", "after", "Upstream failed"]).await?;
        visit.click(&format!("{dialog}//footer/button[.='Cancel']")).await?;
        ensure!(client.get_dag_run(&dag_id, &run).await?.state == DagRunState::Failed);

        // Marked as success, what waited for it goes on.
        act("//aside", "Mark as success…").await?;
        visit.reads(&preview, &["1 task instance"]).await?;
        visit.click(&format!("{dialog}//footer/button[starts-with(., 'Mark 1')]")).await?;
        visit.reads(pill, &["Success"]).await?;
        visit.reads("//aside//*[@role='note']", &["Somebody set this state by hand"]).await?;
        ensure!(state("after").await? == (TaskState::Success, 1));

        // Several at once, from the list of tasks.
        visit.click("//button[@aria-pressed][.='Tasks']").await?;
        visit.click("//input[@aria-label='Select first']").await?;
        visit.click("//input[@aria-label='Select after']").await?;
        visit.click("//button[@aria-haspopup='menu'][contains(., 'Act on them')]").await?;
        visit.click("//button[@role='menuitem'][.='Clear…']").await?;
        visit.reads(&preview, &["2 task instances", "first", "after"]).await?;
        visit.click(&format!("{dialog}//footer/button[starts-with(., 'Clear 2')]")).await?;
        visit.sees_no(dialog).await?;
        let row = "//tr[.//button[.='first']]";
        visit.reads(row, &["Success", "2 of"]).await?;

        // A note, and the tries side by side.
        act("//aside", "Note…").await?;
        visit.fill(&format!("{dialog}//textarea"), "known, see the handbook").await?;
        visit.click(&format!("{dialog}//footer/button[.='Save']")).await?;
        visit.reads("//aside//*[contains(@class, 'note')]", &["known, see the handbook"]).await?;
        visit.click("//aside//button[@role='tab'][.='Tries']").await?;
        visit.reads("//aside//table", &["With an error", "no such station"]).await?;

        // A run counts as failed where all its tasks succeeded.
        visit.reads(pill, &["Success"]).await?;
        act(head, "Mark as failed…").await?;
        visit.reads(&preview, &["only the run does"]).await?;
        visit.click(&format!("{dialog}//footer/button[.='Mark the run']")).await?;
        visit.reads(pill, &["Failed"]).await?;

        // The run goes.
        act(head, "Delete…").await?;
        visit.click(&format!("{dialog}//footer/button[.='Delete the run']")).await?;
        visit.until("location.pathname === '/dags/touched/runs'").await?;
        visit.reads("//section[@aria-label='Runs']", &["No runs yet"]).await
    });
}

const SEVERAL: &str = "\
dag_id: several
tasks:
  - {task_id: broken, component: test/behaves, input: {do: fatal, message: no such station}}
  - {task_id: after, component: test/behaves, input: {do: echo, value: 2}, depends_on: [broken]}
";

#[test]
fn several_runs_are_cleared_and_marked_at_once() {
    visit("several", async |visit| {
        let client = &visit.stage.client;
        let dag_id = visit.stage.apply(SEVERAL).await?;
        for name in ["one", "two", "three"] {
            let run = TriggerDagRun { dag_run_id: Some(name.parse()?), ..TriggerDagRun::default() };
            client.trigger(&dag_id, &run, None).await?;
        }
        visit.open_signed_in("/dags/several/runs").await?;
        let row = |run: &str| format!("//section[@aria-label='Runs']//tbody/tr[.//a[.='{run}']]");
        for run in ["one", "two", "three"] {
            visit.reads(&row(run), &["Failed"]).await?;
        }
        let act = async |item: &str| -> anyhow::Result<()> {
            visit.click("//button[@aria-haspopup='menu'][contains(., 'Act on them')]").await?;
            visit.click(&format!("//button[@role='menuitem'][.='{item}']")).await
        };
        let dialog = "//dialog[@open]";
        let preview = format!("{dialog}//section[@aria-label='What it touches']");
        let tries = async |run: &str| -> anyhow::Result<Vec<u32>> {
            let all = client.list_task_instances(&dag_id, &run.parse()?).await?.task_instances;
            Ok(all.into_iter().filter(|it| it.task_id.as_str() == "broken").map(|it| it.try_number).collect())
        };

        // Two are cleared, but for the tasks that did not fail by themselves.
        visit.click("//input[@aria-label='Select one']").await?;
        visit.click("//input[@aria-label='Select two']").await?;
        act("Clear…").await?;
        visit.reads(&preview, &["4 task instances in 2 runs", "one", "two", "broken", "after"]).await?;
        visit.click(&format!("{dialog}//footer/button[starts-with(., 'Clear 4')]")).await?;
        visit.sees_no(dialog).await?;
        visit.reads("//div[@class='toasts']", &["Cleared 2 runs"]).await?;
        visit.sees_no("//button[contains(., 'Act on them')]").await?;
        visit.reads(&row("one"), &["Failed"]).await?;
        visit.reads(&row("two"), &["Failed"]).await?;
        ensure!((tries("one").await?, tries("two").await?, tries("three").await?) == (vec![2], vec![2], vec![1]));

        // From the grid, two count as succeeded; the third stays.
        visit.open("/dags/several").await?;
        visit.click("//button[.='Select runs']").await?;
        visit.click("//input[@aria-label='Select one']").await?;
        visit.click("//input[@aria-label='Select three']").await?;
        act("Mark as success…").await?;
        visit.reads(&preview, &["4 task instances in 2 runs", "one", "three", "broken", "Failed"]).await?;
        visit.click(&format!("{dialog}//footer/button[.='Mark 2 runs']")).await?;
        visit.sees_no(dialog).await?;
        for (run, state) in [("one", "success"), ("two", "failed"), ("three", "success")] {
            visit.shows(&format!("//a[starts-with(@aria-label, 'Run {run}:')]"), "data-state", state).await?;
        }
        Ok(())
    });
}

const DATED: &str = "\
dag_id: dated
schedule: '0 6 * * *'
start_date: 2020-01-01
doc_md: \"# Dated\\n\\nRuns **daily**.\"
params: {n: {schema: {type: integer}, default: 1}}
tasks: [{task_id: only, component: test/behaves, input: {do: echo, value: 1}}]
";

#[test]
fn a_dag_has_a_calendar_versions_and_backfills() {
    visit("dated", async |visit| {
        let client = &visit.stage.client;
        let dag_id = visit.stage.apply(DATED).await?;
        visit.stage.apply(&DATED.replace("default: 1}", "default: 2}")).await?;
        let early = TriggerDagRun { logical_date: Some("2026-03-04T12:00:00Z".parse()?), ..TriggerDagRun::default() };
        client.trigger(&dag_id, &early, None).await?;

        // A day of the calendar leads to the runs of that day.
        visit.open_signed_in("/dags/dated/calendar?year=2026").await?;
        let day = "//a[@data-day='2026-03-04']";
        visit.shows(day, "data-state", "success").await?;
        visit.shows(day, "aria-label", "Wed 4 Mar 2026: 1 run: 1 success").await?;
        visit.sees("//section[@aria-label='Next runs']//tbody/tr[10]").await?;
        visit.click(day).await?;
        visit.until("location.pathname.endsWith('/runs') && location.search === '?from=2026-03-04&to=2026-03-04'").await?;
        visit.sees("//section[@aria-label='Runs']//tbody/tr[1]").await?;
        visit.choose("//select[@aria-label='What made them']", "Backfill").await?;
        visit.reads("//section[@aria-label='Runs']", &["No run fits these filters"]).await?;

        // What differs between two versions.
        visit.open("/dags/dated/definition?against=1").await?;
        let diff = "//*[@aria-label='What differs between versions 1 and 2']";
        visit.reads(&format!("{diff}//tr[@class='gone']"), &["default: 1"]).await?;
        visit.reads(&format!("{diff}//tr[@class='new']"), &["default: 2"]).await?;

        // What the dag is.
        visit.open("/dags/dated/details").await?;
        visit.sees("//section[@aria-label='Documentation']//strong[.='daily']").await?;
        visit.reads("//section[@aria-label='Parameters']", &["n", "integer", "2"]).await?;

        // A backfill is looked at, made, and cancelled or done.
        visit.open("/dags/dated/backfills").await?;
        visit.click("//button[.='New backfill']").await?;
        let set = |id: &str, day: &str| {
            format!(
                "(it => {{ it.value = '{day}'; it.dispatchEvent(new Event('input', {{ bubbles: true }})); return true; }})(document.getElementById('{id}'))"
            )
        };
        visit.sees("//input[@id='backfill-from']").await?;
        visit.eval::<bool>(&set("backfill-from", "2026-02-01T00:00")).await?;
        visit.eval::<bool>(&set("backfill-to", "2026-02-03T23:59")).await?;
        visit.reads("//dialog[@open]//section[@aria-label='What it would run']", &["3 runs", "It will likely take"]).await?;
        visit.click("//dialog[@open]//footer/button[.='Start the backfill']").await?;
        visit.reads("//section[@aria-label='Backfills']//tbody/tr", &["Completed", "3 succeeded"]).await?;
        let runs = client.list_dag_runs(&dag_id, &Default::default()).await?.dag_runs;
        ensure!(runs.iter().filter(|run| run.state == DagRunState::Success).count() >= 4, "{runs:?}");
        Ok(())
    });
}

const ASKING: &str = "\
dag_id: asked_here
on_success: {component: test/behaves, input: {do: echo, value: told, say: the run went well}}
tasks:
  - {task_id: ask, approval: {message: 'Shall it go on?'}}
  - {task_id: next, component: test/behaves, input: {do: echo, value: 1}, depends_on: [ask]}
";

#[test]
fn a_question_is_answered_in_the_run_and_callbacks_are_listed() {
    visit("asked_here", async |visit| {
        let dag_id = visit.stage.apply(ASKING).await?;
        let run = visit.stage.client.trigger(&dag_id, &TriggerDagRun::default(), None).await?.dag_run_id;
        visit.open_signed_in(&format!("/dags/asked_here/runs/{run}?task=ask")).await?;
        let asks = "//aside//section[@aria-label='Approval']";
        visit.reads(asks, &["Shall it go on?"]).await?;
        visit.click(&format!("{asks}//button[.='Approve']")).await?;
        visit.click("//dialog[@open]//footer/button[.='Approve']").await?;
        visit.reads(asks, &["Approved", "by admin"]).await?;
        visit.reads("//header[contains(@class, 'page-head')]//*[contains(@class, 'pill')]", &["Success"]).await?;
        visit.click("//button[@aria-pressed][.='Callbacks']").await?;
        let called = "//ul[@aria-label='Callbacks']/li";
        visit.reads(called, &["Success", "of the run"]).await?;
        visit.click(&format!("{called}//button[.='Log']")).await?;
        visit.reads(called, &["the run went well"]).await
    });
}
