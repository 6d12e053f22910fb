//! Signing in and out.

use crate::stage::visit;

#[test]
fn one_signs_in_and_out() {
    visit("sign-in", async |visit| {
        // What is asked for without a session comes after signing in.
        visit.open("/components").await?;
        visit.is_at("/sign-in").await?;

        visit.forgive("401 (Unauthorized)");
        visit.sign_in("not the password").await?;
        visit.reads("//*[@role='alert']", &["password"]).await?;
        visit.until("document.querySelector('#password').value === ''").await?;
        visit.is_at("/sign-in").await?;

        visit.sign_in(&visit.stage.admin.password).await?;
        visit.is_at("/components").await?;
        visit.click("//nav//a[contains(., 'Dags')]").await?;
        visit.is_at("/dags").await?;
        visit.sees("//h1[.='Dags']").await?;

        visit.click("//button[@title='Sign out']").await?;
        visit.is_at("/sign-in").await?;
        // The server has forgotten the session, too.
        visit.open("/dags").await?;
        visit.is_at("/sign-in").await?;
        visit.sees("//input[@id='password']").await
    });
}
