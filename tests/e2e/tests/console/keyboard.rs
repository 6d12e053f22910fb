//! Without a mouse, and in the dark.

use crate::stage::visit;
use anyhow::{bail, ensure};

const DAG: &str = "\
dag_id: keys
tasks: [{task_id: only, component: test/behaves, input: {do: echo, value: 1}}]
";

/// More elements than this do not come before the first row of the list.
const TABS: usize = 40;

#[test]
fn the_keyboard_is_enough() {
    visit("keyboard", async |visit| {
        visit.stage.apply(DAG).await?;
        visit.open_signed_in("/dags").await?;
        visit.sees("//a[.='keys']").await?;

        // Search, with its shortcut; Escape clears it.
        visit.press("/").await?;
        visit.until("document.activeElement.matches('input[type=search]')").await?;
        for key in ["n", "o", "p", "e"] {
            visit.press(key).await?;
        }
        visit.until("location.search === '?q=nope'").await?;
        visit.sees_no("//a[.='keys']").await?;
        visit.press("Escape").await?;
        visit.until("location.search === ''").await?;
        for key in ["k", "e", "y", "s"] {
            visit.press(key).await?;
        }
        visit.until("location.search === '?q=keys' && document.querySelectorAll('tbody tr').length === 1").await?;

        // Tab comes to the button, Enter opens the dialog, Escape closes it and gives the focus back.
        let focus = "document.activeElement.getAttribute('aria-label') ?? ''";
        let mut passed = Vec::new();
        while visit.eval::<String>(focus).await? != "Trigger keys" {
            visit.press("Tab").await?;
            passed.push(visit.eval::<String>("document.activeElement.outerHTML.slice(0, 120)").await?);
            if passed.len() > TABS {
                bail!("Tab does not come to the button, but to:\n{}", passed.join("\n"));
            }
        }
        visit.press("Enter").await?;
        visit.sees("//dialog[@open]//h2[.='Trigger keys']").await?;
        visit.until("document.activeElement.matches('#trigger-conf')").await?;
        visit.press("Escape").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.until(&format!("({focus}) === 'Trigger keys'")).await
    });
}

#[test]
fn the_theme_is_chosen_and_remembered() {
    visit("theme", async |visit| {
        visit.open_signed_in("/system").await?;
        let background = "getComputedStyle(document.body).backgroundColor";
        let theme = "//nav//button[contains(@title, 'theme')]";
        visit.shows(theme, "title", "System theme").await?;
        visit.click(theme).await?;
        visit.shows(theme, "title", "Light theme").await?;
        let light: String = visit.eval(background).await?;
        visit.click(theme).await?;
        visit.shows(theme, "title", "Dark theme").await?;
        let dark: String = visit.eval(background).await?;
        ensure!(light != dark, "both are {dark}");
        visit.reload().await?;
        visit.shows(theme, "title", "Dark theme").await?;
        visit.until(&format!("{background} === '{dark}'")).await?;
        visit.click(theme).await?;
        visit.shows(theme, "title", "System theme").await
    });
}
