//! The page of a run: what is shown while tasks run, and what is left when they have ended.

use crate::stage::visit;
use anyhow::ensure;
use cofferdam_api_types::{Approve, TriggerDagRun};
use cofferdam_client::TaskInstanceRef;

const LIVE: &str = r#"
dag_id: live
tasks:
  - task_id: naps
    component: test/behaves
    input: {do: sleep, ms: 5000, say: "\u001b[31malarming\u001b[0m <b>bold</b><img src=x onerror='window.intruded=1'><script>window.intruded=1</script>"}
  - task_id: reports
    component: test/behaves
    input: {do: echo, value: {station: Seattle, days: [1, 2]}}
    depends_on: [naps]
"#;

#[test]
fn a_run_is_followed_while_it_goes() {
    visit("live", async |visit| {
        visit.stage.apply(LIVE).await?;
        visit.open_signed_in("/dags").await?;
        // Notes every state that a task is drawn in; a reload would lose it.
        let watch = "window.drawn = []; new MutationObserver(() => document.querySelectorAll('svg g.node').forEach(node => { \
             const label = node.getAttribute('aria-label'); if (!window.drawn.includes(label)) window.drawn.push(label); })) \
             .observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['aria-label'] }), true";
        visit.eval::<bool>(watch).await?;
        visit.click("//button[@aria-label='Trigger live']").await?;
        visit.click("//dialog[@open]//footer/button[.='Trigger']").await?;
        visit.is_at("/dags/live/runs/").await?;

        // The log of the task that is still running.
        visit.click("//*[name()='g' and starts-with(@aria-label, 'naps,')]").await?;
        visit.click("//aside//button[@role='tab'][.='Log']").await?;
        visit.reads("//aside//*[@class='log-foot']", &["more as they are written"]).await?;
        let line = "//aside//*[@role='log']//*[contains(@class, 'log-line')][contains(., 'alarming')]";
        visit.reads(line, &["alarming <b>bold</b><img src=x onerror='window.intruded=1'><script>"]).await?;
        visit.shows("//*[name()='g' and starts-with(@aria-label, 'naps,')]", "data-state", "running").await?;
        // Colours are drawn, markup is not.
        let coloured = format!("{line}//*[contains(@class, 'a31')]");
        ensure!(visit.text(&coloured).await? == "alarming");
        ensure!(visit.eval::<u32>("document.querySelectorAll('.log b, .log img, .log script').length").await? == 0);
        ensure!(visit.eval::<bool>("window.intruded === undefined").await?);

        // It ends, and the page tells by itself.
        visit.reads("//header//*[contains(@class, 'pill')]", &["Success"]).await?;
        visit.until("[...document.querySelectorAll('svg g.node')].every(node => node.dataset.state === 'success')").await?;
        visit.until("!document.querySelector('aside .log-foot').innerText.includes('more as')").await?;
        let drawn: Vec<String> = visit.eval("window.drawn").await?;
        for state in ["naps, Running", "reports, Waiting", "naps, Success", "reports, Success"] {
            ensure!(drawn.iter().any(|label| label == state), "{state} is not among {drawn:?}");
        }

        // What the try used, and what it left. The panel stays at the part that was looked at.
        visit.click("//*[name()='g' and starts-with(@aria-label, 'reports,')]").await?;
        visit.sees("//aside//button[@role='tab'][@aria-selected='true'][.='Log']").await?;
        visit.click("//aside//button[@role='tab'][.='Overview']").await?;
        visit
            .reads("//aside//*[@aria-label='Overview']", &["1 of at most 1", "With a result", "Fuel", "Peak memory", "CPU time"])
            .await?;
        visit.click("//aside//button[@role='tab'][.='XComs']").await?;
        visit
            .reads(
                "//aside//section[@aria-label='XCom return_value']",
                &["\"days\": [\n    1,\n    2\n  ],\n  \"station\": \"Seattle\""],
            )
            .await
    });
}

const TELLING: &str = "\
dag_id: telling
tasks:
  - {task_id: ask, approval: {message: 'Shall it begin?'}}
  - {task_id: counts, component: test/behaves, input: {do: progress, steps: 10, ms: 500}, depends_on: [ask]}
";

#[test]
fn a_task_tells_how_far_it_is_while_it_runs() {
    visit("telling", async |visit| {
        let dag_id = visit.stage.apply(TELLING).await?;
        let run = visit.stage.client.trigger(&dag_id, &TriggerDagRun::default(), None).await?.dag_run_id;
        visit.open_signed_in(&format!("/dags/telling/runs/{run}?task=counts")).await?;
        visit.shows("//*[@class='link-state']", "data-link", "live").await?;
        visit.sees("//aside//*[@aria-label='Overview']").await?;
        // Notes what the bar shows, with what stands beside it and in the task's box. A reload would lose it.
        let watch = "window.told = []; new MutationObserver(() => { const bar = document.querySelector('aside [role=progressbar]'); \
             const box = [...document.querySelectorAll('svg g.node')].find(node => node.textContent.includes('counts')); if (!bar) return; \
             const now = [bar.getAttribute('aria-valuenow'), bar.parentElement.innerText, box.textContent].join('|'); \
             if (window.told.at(-1) !== now) window.told.push(now); }) \
             .observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true }), true";
        visit.eval::<bool>(watch).await?;
        let ask = TaskInstanceRef { dag: dag_id, run, task: "ask".parse()? };
        visit.stage.client.approve(&ask, &Approve::default()).await?;
        visit.reads("//header//*[contains(@class, 'pill')]", &["Success"]).await?;
        let told: Vec<String> = visit.eval("window.told").await?;
        // The page may come to it late, and it may miss the end: some of the steps were seen, each in its turn.
        let steps: Vec<u32> = told.iter().filter_map(|it| it.split('|').next()?.parse().ok()).collect();
        ensure!(steps.is_sorted(), "{told:?}");
        let seen = (1..10).filter(|step| {
            let (percent, message) = (format!("{}0 %", step), format!("step {step}"));
            told.iter().any(|it| it.contains(&message) && it.contains(&format!("· {percent}")))
        });
        ensure!(seen.count() >= 2, "{told:?}");
        Ok(())
    });
}

const FAILING: &str = "\
dag_id: failing
tasks:
  - {task_id: broken, component: test/behaves, input: {do: fatal, message: no such station}}
  - {task_id: after, component: test/behaves, input: {do: echo, value: 1}, depends_on: [broken]}
";

#[test]
fn a_failure_is_told_in_words() {
    visit("failing", async |visit| {
        let dag_id = visit.stage.apply(FAILING).await?;
        let run = visit.stage.client.trigger(&dag_id, &TriggerDagRun::default(), None).await?;
        visit.open_signed_in(&format!("/dags/failing/runs/{}?task=broken", run.dag_run_id)).await?;
        visit.reads("//header//*[contains(@class, 'pill')]", &["Failed"]).await?;
        visit.shows("//*[name()='g' and starts-with(@aria-label, 'after,')]", "data-state", "upstream_failed").await?;
        let why = ["The task returned an error that rules out another try", "no such station", "Mend its cause"];
        visit.reads("//aside//*[@role='note']", &why).await?;
        visit.click("//*[name()='g' and starts-with(@aria-label, 'after,')]").await?;
        visit.reads("//aside", &["A task before it failed"]).await
    });
}

const ENDLESS: &str = "\
dag_id: endless
tasks:
  - task_id: circle
    component: test/behaves
    input: {do: loop, say: round and round}
    limits: {fuel: 10000000000000}
    timeout: 1h
";

#[test]
fn a_run_without_end_is_cancelled() {
    visit("endless", async |visit| {
        let dag_id = visit.stage.apply(ENDLESS).await?;
        let run = visit.stage.client.trigger(&dag_id, &TriggerDagRun::default(), None).await?;
        visit.open_signed_in(&format!("/dags/endless/runs/{}?task=circle", run.dag_run_id)).await?;
        let circle = "//*[name()='g' and starts-with(@aria-label, 'circle,')]";
        visit.shows(circle, "data-state", "running").await?;

        // The question can be answered with no.
        visit.click("//button[.='Cancel run']").await?;
        visit.click("//dialog[@open]//button[.='Keep it running']").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.shows(circle, "data-state", "running").await?;

        visit.click("//button[.='Cancel run']").await?;
        visit.click("//dialog[@open]//button[.='Cancel the run']").await?;
        visit.shows(circle, "data-state", "failed").await?;
        visit.reads("//header//*[contains(@class, 'pill')]", &["Failed"]).await?;
        visit.reads("//aside//*[@role='note']", &["Somebody stopped it"]).await?;
        visit.sees_no("//button[.='Cancel run']").await?;
        let run = visit.stage.client.get_dag_run(&dag_id, &run.dag_run_id).await?;
        ensure!(run.state.is_finished(), "{run:?}");
        Ok(())
    });
}
