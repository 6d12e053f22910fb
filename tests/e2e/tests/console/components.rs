//! What is said about a component.

use crate::stage::{COMPONENT, TYPED, visit};

#[test]
fn a_component_shows_what_it_may_do() {
    visit("components", async |visit| {
        visit.open_signed_in("/components").await?;
        visit.click(&format!("//a[.='{COMPONENT}']")).await?;
        visit.is_at("/components/test%2Fbehaves").await?;
        // What it imports, in words.
        let permissions = "//section[@aria-label='Permissions']";
        visit.reads(permissions, &["Writes to the log of its try", "cofferdam:task/log@0.1.1", "Tells how far it is"]).await?;
        // An interface that no task is given says so.
        visit
            .reads(&format!("{permissions}//li[contains(., 'wasi:sockets')]"), &["Opens network connections", "Not given"])
            .await?;
        visit.reads("//section[@aria-label='Exports']", &["run"]).await?;
        visit
            .reads("//section[@aria-label='Interface']", &["world ", "import cofferdam:task/context@0.1.1;", "export run: func"])
            .await?;
        visit.reads("//section[@aria-label='Versions']", &["Version 1", "v1"]).await
    });
}

#[test]
fn a_function_is_tried_in_a_form_made_from_its_types() {
    visit("try_it", async |visit| {
        visit.open_signed_in("/components").await?;
        visit.click(&format!("//a[.='{TYPED}']")).await?;
        let exports = "//section[@aria-label='Exports']";
        visit.reads(exports, &["acme:almanac/api@1.2.0#summarise", "list<reading>", "A task cannot call it"]).await?;

        let form = "//section[@aria-label='Try it']";
        let within = |xpath: &str| format!("{form}{xpath}");
        visit.choose(&within("//select[@aria-label='Function']"), "acme:almanac/api@1.2.0#summarise").await?;
        // One reading, and where none is to be left out.
        visit.click(&within("//fieldset[legend='readings']//button[.='Add']")).await?;
        visit.reads(form, &["station-id: type a whole number"]).await?;
        visit.fill(&within("//input[@id='try-readings-0-station-id']"), "18446744073709551615").await?;
        visit.fill(&within("//input[@id='try-readings-0-taken-at']"), "-1").await?;
        visit.fill(&within("//input[@id='try-readings-0-value']"), "21.5").await?;
        visit.choose(&within("//select[@id='try-readings-0-place-case']"), "city").await?;
        visit.fill(&within("//input[@id='try-readings-0-place-city']"), "Oslo").await?;
        visit.click(&within("//label[.='gaps']")).await?;
        visit.fill(&within("//input[@id='try-readings-0-mark']"), "x").await?;
        visit.click(&within("//label[.='usable']")).await?;
        visit.click(&within("//label[.='unit (optional)']")).await?;
        visit.choose(&within("//select[@id='try-unit-some']"), "fahrenheit").await?;
        visit.choose(&within("//select[@id='try-ignore-case']"), "at-sea").await?;
        visit.click(&within("//button[@class='btn primary']")).await?;
        let result = within("//div[@aria-label='Result']");
        visit.reads(&result, &["Success", "\"mean\": 70.7", "\"18446744073709551615\"", "units of fuel"]).await?;

        // The same as JSON, changed so that it does not fit.
        visit.click(&within("//button[.='JSON']")).await?;
        visit.fill(&within("//textarea[@id='try-json']"), r#"{"readings": [], "ignore": "on-land"}"#).await?;
        visit.click(&within("//button[@class='btn primary']")).await?;
        visit.reads(&result, &["Failed", "invalid_input", "at /ignore: expected one of", "found \"on-land\""]).await
    });
}
