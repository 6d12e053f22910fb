//! What is said about a component.

use crate::stage::{COMPONENT, visit};

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
