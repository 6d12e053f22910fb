//! Variables and connections: they are made, changed and deleted, and what is secret does not come back.

use crate::stage::visit;
use anyhow::ensure;
use cofferdam_api_types::{CreateUser, NewVariable, OrderedPage, Role};

#[test]
fn variables_are_added_changed_and_deleted() {
    visit("variables", async |visit| {
        let client = &visit.stage.client;
        // More than a page of them.
        for n in 0..51 {
            let value = format!("value {n}");
            let new = NewVariable { key: format!("many_{n:02}").parse()?, value, description: None, is_secret: false };
            client.create_variable(&new).await?;
        }
        visit.open_signed_in("/dags").await?;
        visit.click("//nav//a[contains(., 'Variables')]").await?;
        visit.is_at("/variables").await?;
        visit.reads("//div[@class='pager']", &["1–50 of 51 variables"]).await?;
        visit.click("//div[@class='pager']//button[contains(., 'Next')]").await?;
        visit.until("location.search === '?offset=50'").await?;
        visit.reads("//tbody/tr[1]", &["many_50", "value 50"]).await?;
        visit.fits_narrow().await?;

        // A key that cannot be one, and one that there is already.
        visit.click("//button[.='Add a variable']").await?;
        visit.until("document.activeElement.matches('#variable-key')").await?;
        visit.fill("//input[@id='variable-key']", "a\"b").await?;
        visit.shows("//input[@id='variable-key']", "aria-invalid", "true").await?;
        visit.until("document.querySelector('dialog[open] .btn.primary').disabled").await?;
        visit.forgive("409 (Conflict)");
        visit.fill("//input[@id='variable-key']", "many_00").await?;
        visit.fill("//textarea[@id='variable-value']", "the words of power").await?;
        visit.click("//dialog[@open]//button[.='Add']").await?;
        visit.reads("//p[@id='variable-key-said'][@class='wrong']", &["with this key exists"]).await?;
        visit.fill("//input[@id='variable-key']", "spell").await?;
        visit.sees("//p[@id='variable-key-said'][@class='hint']").await?;
        visit.click("//label[.='Secret']").await?;
        visit.press("Enter").await?;
        visit.sees_no("//dialog[@open]").await?;

        // It is found by its name, and its value is not shown, not even in its form.
        visit.fill("//input[@type='search']", "SPELL").await?;
        visit.until("location.search === '?q=SPELL'").await?;
        visit.reads("//div[@class='pager']", &["1 variable"]).await?;
        visit.reads("//tbody/tr[1]", &["spell", "Secret"]).await?;
        visit.click("//button[@aria-label='Edit spell']").await?;
        visit.reads("//dialog[@open]", &["It stays as it is"]).await?;
        ensure!(!visit.eval::<String>("document.body.innerHTML").await?.contains("words of power"));
        // The server has the last word, and it stands at the field.
        visit.forgive("422 (Unprocessable");
        visit.click("//label[.='Secret']").await?;
        visit.click("//dialog[@open]//button[.='Save']").await?;
        visit.reads("//p[@id='variable-secret-said'][@class='wrong']", &["together with a new value"]).await?;
        visit.click("//dialog[@open]//button[.='Replace']").await?;
        visit.fill("//textarea[@id='variable-value']", "abracadabra").await?;
        visit.fill("//input[@id='variable-description']", "said in a low voice").await?;
        visit.press("Enter").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.reads("//tbody/tr[1]", &["spell", "abracadabra", "said in a low voice"]).await?;
        let stored = client.get_variable(&"spell".parse()?).await?;
        ensure!(stored.value.as_deref() == Some("abracadabra") && !stored.is_secret, "{stored:?}");

        // The question can be answered with no.
        visit.click("//button[@aria-label='Delete spell']").await?;
        visit.click("//dialog[@open]//button[.='Keep it']").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.click("//button[@aria-label='Delete spell']").await?;
        visit.click("//dialog[@open]//button[.='Delete the variable']").await?;
        visit.reads("//section[@aria-label='Variables']", &["No variable has this"]).await?;
        ensure!(client.list_variables(&OrderedPage::default()).await?.total_entries == 51);

        // Who only reads can only read.
        let password = "a viewer reads and no more";
        let viewer = CreateUser {
            username: "reader".to_owned(),
            password: password.to_owned(),
            role: Some(Role::Viewer),
            ..CreateUser::default()
        };
        client.create_user(&viewer).await?;
        visit.click("//button[@title='Sign out']").await?;
        visit.fill("//input[@id='username']", "reader").await?;
        visit.fill("//input[@id='password']", password).await?;
        visit.click("//button[.='Sign in']").await?;
        visit.sees("//h1[.='Dags']|//h1[.='Variables']").await?;
        visit.click("//nav//a[contains(., 'Variables')]").await?;
        visit.reads("//div[@class='toolbar']", &["An editor makes changes"]).await?;
        visit.reads("//tbody/tr[1]", &["many_00", "value 0"]).await?;
        visit.until("[...document.querySelectorAll('.content td button, .page-head button')].every(it => it.disabled)").await
    });
}

#[test]
fn connections_are_added_changed_and_deleted() {
    visit("connections", async |visit| {
        visit.open_signed_in("/connections").await?;
        visit.reads("//section[@aria-label='Connections']", &["No connections yet", "cofferdam connection add"]).await?;
        visit.click("//button[.='Add a connection']").await?;
        visit.until("document.activeElement.matches('#connection-id')").await?;
        let field = |name: &str| format!("//*[@id='connection-{name}']");
        for (name, text) in [
            ("id", "warehouse"),
            ("type", "postgres"),
            ("host", "db.example.org"),
            ("port", "70000"),
            ("login", "loader"),
            ("password", "opensesame"),
            ("extra", "[\"not an object\"]"),
        ] {
            visit.fill(&field(name), text).await?;
        }
        visit.shows(&field("password"), "type", "password").await?;
        // What the console sees, and what the server says.
        visit.reads("//p[@id='connection-port-said']", &["from 0 to 65535"]).await?;
        visit.fill(&field("port"), "5432").await?;
        visit.forgive("422 (Unprocessable");
        visit.click("//dialog[@open]//button[.='Add']").await?;
        visit.reads("//p[@id='connection-extra-said'][@class='wrong']", &["a JSON object"]).await?;
        visit.fill(&field("extra"), r#"{"sslmode": "verify-full"}"#).await?;
        visit.click("//dialog[@open]//button[.='Check the form']").await?;
        visit.sees("//dialog[@open]//span[contains(@class, 'checked')]").await?;
        visit.click("//dialog[@open]//button[.='Add']").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.reads("//tbody/tr[1]", &["warehouse", "postgres", "db.example.org:5432", "loader", "Password", "Extra"]).await?;
        visit.fits_narrow().await?;

        // The keyboard is enough to change it. Secrets stay, and one is taken away.
        visit.eval::<bool>("document.querySelector('[aria-label=\"Edit warehouse\"]').focus() ?? true").await?;
        visit.press("Enter").await?;
        visit.until("document.activeElement.matches('#connection-type')").await?;
        ensure!(!visit.eval::<String>("document.body.innerHTML").await?.contains("opensesame"));
        visit.fill(&field("login"), "x").await?;
        visit.press("Backspace").await?;
        visit.until("document.querySelector('#connection-login').value === ''").await?;
        visit.fill(&field("description"), "nightly loads").await?;
        visit.click("//div[@aria-label='What becomes of the extra']/button[.='Remove']").await?;
        visit.click("//dialog[@open]//button[.='Save']").await?;
        visit.sees_no("//dialog[@open]").await?;
        visit.until("document.activeElement.getAttribute('aria-label') === 'Edit warehouse'").await?;
        visit.reads("//tbody/tr[1]", &["nightly loads", "db.example.org:5432", "Password"]).await?;
        let stored = visit.stage.client.get_connection(&"warehouse".parse()?).await?;
        ensure!(stored.has_password && !stored.has_extra && stored.login.is_none(), "{stored:?}");

        visit.click("//button[@aria-label='Delete warehouse']").await?;
        visit.click("//dialog[@open]//button[.='Delete the connection']").await?;
        visit.reads("//section[@aria-label='Connections']", &["No connections yet"]).await
    });
}
