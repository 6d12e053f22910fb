//! The editor: what is typed is completed, compiled, drawn, compared and applied.

use crate::stage::{COMPONENT, TYPED, visit};
use anyhow::ensure;

const DAG: &str = "\
dag_id: edited
tasks: [{task_id: only, component: test/behaves, input: {do: echo, value: 1}}]
";

/// An edge that gives bytes where a text is taken.
const MISMATCH: &str = "\
dag_id: mismatch
tasks:
  - task_id: turn
    component: test/almanac
    function: reverse
    input: { bytes: AAEC }
  - task_id: greet
    component: test/almanac
    function: hello
    input:
      who: { $from: turn }
";

const PROBLEMS: &str = "//div[@aria-label='Problems']";

/// The text of the editor, as one line of JavaScript.
const TEXT: &str = "[...document.querySelectorAll('.cm-line')].map(it => it.textContent).join('\\n')";

#[test]
fn a_dag_is_written_with_completion_and_applied() {
    visit("editor", async |visit| {
        visit.open_signed_in("/dags").await?;
        // The editor is fetched by the page that needs it, and only by that.
        let fetched = "performance.getEntriesByType('resource').some(it => it.name.includes('/editor-'))";
        ensure!(!visit.eval::<bool>(fetched).await?);
        visit.click("//a[contains(., 'New dag')]").await?;
        visit.is_at("/editor").await?;
        visit.until("document.activeElement.matches('.cm-content')").await?;
        ensure!(visit.eval::<bool>(fetched).await?);
        visit.reads(PROBLEMS, &["'component' is missing"]).await?;

        // A component of the server.
        visit.type_text("behav").await?;
        visit.click(&format!("//ul[@role='listbox']/li[1][contains(., '{COMPONENT}')]")).await?;
        visit.until(&format!("{TEXT}.endsWith('component: {COMPONENT}')")).await?;
        visit.reads("//section[@aria-label='Graph']", &["1 task", "first", COMPONENT]).await?;
        visit.reads("//header//*[@role='status']", &["No problems"]).await?;

        // A member of the schema, with what it means; then a value of it.
        visit.press("Enter").await?;
        visit.type_text("trigger_r").await?;
        visit.click("//ul[@role='listbox']/li[1][contains(., 'trigger_rule')]").await?;
        visit.sees("//ul[@role='listbox']/li[contains(., 'all_done')]").await?;
        visit.type_text("all_d").await?;
        visit.click("//ul[@role='listbox']/li[1][contains(., 'all_done')]").await?;
        visit.until(&format!("{TEXT}.endsWith('trigger_rule: all_done')")).await?;

        // A mistake is underlined as one types, and mended by the suggestion.
        visit.press("Enter").await?;
        visit.type_text("retires: 3").await?;
        visit.press("Escape").await?;
        visit.reads(&format!("{PROBLEMS}//li"), &["retires", "retries", "unknown_field"]).await?;
        visit.sees("//*[contains(@class, 'cm-lintRange-error')]").await?;
        visit.sees("//*[contains(@class, 'cm-lint-marker-error')]").await?;
        visit.reads("//section[@aria-label='Graph']", &["Of the last text without errors"]).await?;
        visit.click(&format!("{PROBLEMS}//button[.='Write retries']")).await?;
        visit.until(&format!("{TEXT}.endsWith('retries: 3')")).await?;
        visit.reads("//header//*[@role='status']", &["No problems"]).await?;

        visit.click("//button[.='Apply']").await?;
        visit.until("location.search === '?dag=my_dag'").await?;
        let stored = visit.stage.client.get_dag(&"my_dag".parse()?).await?;
        ensure!(stored.version_number == 1, "{stored:?}");
        visit.reads("//section[@aria-label='Changes']", &["Nothing differs", "version 1"]).await
    });
}

#[test]
fn what_a_change_does_is_shown_and_an_unapplied_text_is_kept() {
    visit("editor_changes", async |visit| {
        let dag_id = visit.stage.apply(DAG).await?;
        visit.open_signed_in("/dags/edited").await?;
        visit.click("//a[.='Edit']").await?;
        visit.until("location.search === '?dag=edited'").await?;
        visit.until(&format!("{TEXT}.startsWith('dag_id: edited')")).await?;
        visit.sees("//button[.='Apply'][@disabled]").await?;
        visit.click("//div[contains(@class, 'cm-content')]").await?;
        for keys in ["Home", "End", "Enter"] {
            visit.press(keys).await?;
        }
        visit.eval::<bool>("document.execCommand('insertText', false, 'tags: [shown]')").await?;
        let changes = "//section[@aria-label='Changes']";
        visit.reads(changes, &["against version 1", "tags", "shown"]).await?;
        visit.click("//button[.='Compare']").await?;
        visit.sees("//*[contains(@class, 'cm-changedLine')]").await?;

        // What is not applied is there again.
        visit.reload().await?;
        visit.until(&format!("{TEXT}.includes('tags: [shown]')")).await?;
        visit.reads("//main", &["not applied when you left"]).await?;
        visit.click("//button[.='Apply']").await?;
        visit.reads("//div[contains(@class, 'notice')]", &["Version 2 of edited is applied"]).await?;
        ensure!(visit.stage.client.get_dag(&dag_id).await?.tags == ["shown"]);
        visit.reads(changes, &["Nothing differs", "version 2"]).await?;
        visit.sees("//button[.='Apply'][@disabled]").await
    });
}

#[test]
fn both_ends_of_an_edge_are_named_with_their_types() {
    visit("editor_types", async |visit| {
        visit.open_signed_in("/dags").await?;
        let text = serde_json::to_string(&MISMATCH.replace("test/almanac", TYPED))?;
        visit.eval::<bool>(&format!("sessionStorage.setItem('cofferdam.draft:', {text}) ?? true")).await?;
        visit.open("/editor").await?;
        visit.reads(&format!("{PROBLEMS}//li"), &["type_mismatch", "line 5: gives list<u8>", "takes string", "11:"]).await?;
        // A note leads to its line.
        visit.click(&format!("{PROBLEMS}//button[contains(., 'line 5: gives')]")).await?;
        visit.until("document.querySelector('.cm-activeLine')?.textContent.includes('function: reverse')").await?;
        visit.sees("//*[contains(@class, 'cm-lintRange-info')]").await
    });
}

#[test]
fn a_plain_field_takes_the_place_of_an_editor_that_cannot_be_fetched() {
    visit("editor_plain", async |visit| {
        visit.open_signed_in("/dags").await?;
        visit.eval::<bool>("!!(cofferdam.editor = () => Promise.reject(new Error('cut off')))").await?;
        visit.click("//a[contains(., 'New dag')]").await?;
        let field = "//textarea[contains(@aria-label, 'Definition')]";
        visit.reads("//main", &["this is a plain field"]).await?;
        visit.fill(field, "{dag_id: plain, tasks: [{task_id: a, component: test/behave}]}").await?;
        visit.reads(&format!("{PROBLEMS}//li"), &["test/behave", "1:"]).await?;
        visit.fill(field, "{dag_id: plain, tasks: [{task_id: a, component: test/behaves}]}").await?;
        visit.reads("//section[@aria-label='Graph']", &["1 task"]).await?;
        visit.click("//button[.='Apply']").await?;
        visit.until("location.search === '?dag=plain'").await?;
        visit.stage.client.get_dag(&"plain".parse()?).await?;
        Ok(())
    });
}
