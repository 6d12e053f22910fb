//! Webhooks: they are made in the console, which shows the secret once, and tell what they received and refused.

use crate::stage::visit;
use crate::visit::Visit;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

const DAG: &str = "\
dag_id: hooked
tasks: [{task_id: only, component: test/behaves, input: {do: echo, value: {$conf: /order}}}]
";

/// Signs an event and sends it, as a program elsewhere would. The answer is the status.
async fn send(visit: &Visit<'_>, path: &str, secret: &str, id: &str) -> Result<u16> {
    let given = serde_json::to_string(&[path, secret, id, r#"{"order": 3}"#])?;
    let script = r"
        const at = String(Math.floor(Date.now() / 1000));
        const raw = Uint8Array.from(atob(secret.slice('whsec_'.length)), it => it.charCodeAt(0));
        const key = await crypto.subtle.importKey('raw', raw, {name: 'HMAC', hash: 'SHA-256'}, false, ['sign']);
        const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(`${id}.${at}.${body}`));
        const signature = 'v1,' + btoa(String.fromCharCode(...new Uint8Array(mac)));
        const headers = {'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature};
        return (await fetch(path, {method: 'POST', credentials: 'omit', headers, body})).status;";
    visit.eval(&format!("(async ([path, secret, id, body]) => {{ {script} }})({given})")).await
}

#[test]
fn a_webhook_is_made_told_of_and_deleted() {
    visit("webhooks", async |visit| {
        let client = &visit.stage.client;
        let dag_id = visit.stage.apply(DAG).await?;
        visit.open_signed_in("/dags").await?;
        visit.click("//nav//a[contains(., 'Webhooks')]").await?;
        visit.is_at("/webhooks").await?;
        visit.fill("//input[@type='search']", "hooked").await?;
        visit.until("location.search === '?q=hooked'").await?;
        visit.reads("//section[@aria-label='Webhooks']", &["No dag with a webhook has this in its name"]).await?;

        // The secret is shown when the webhook is made, and not again.
        let (dialog, facts) = ("//dialog[@open]", "(//dialog[@open]//code)");
        visit.click("//button[.='Add a webhook']").await?;
        visit.until("document.activeElement.matches('#webhook-dag')").await?;
        visit.sees("//datalist[@id='webhook-dag-offered']/option[@value='hooked']").await?;
        visit.fill("//input[@id='webhook-dag']", "hooked").await?;
        visit.click(&format!("{dialog}//footer/button[.='Add']")).await?;
        visit.reads(dialog, &["shown this one time"]).await?;
        let (address, secret) = (visit.text(&format!("{facts}[1]")).await?, visit.text(&format!("{facts}[2]")).await?);
        ensure!(address.starts_with(&visit.stage.admin.url) && secret.starts_with("whsec_"), "{address}");
        visit.click(&format!("{dialog}//button[.='Done']")).await?;
        visit.sees_no(dialog).await?;
        ensure!(!visit.eval::<String>("document.body.innerHTML").await?.contains(&secret));
        let row = "//section[@aria-label='Webhooks']//tbody/tr[.//a[.='hooked']]";
        visit.reads(row, &["/api/v1/webhooks/", "Never", "None"]).await?;

        // An event makes a run, to which the list of events leads.
        ensure!(send(visit, &address, &secret, "order-3").await? == 202);
        visit.click("//button[@aria-label='What came for hooked']").await?;
        visit.until("location.search === '?q=hooked&dag=hooked'").await?;
        let events = "//section[@aria-label='Events of the last day']";
        visit.reads(&format!("{events}//tbody/tr[1]"), &["order-3"]).await?;
        visit.sees(&format!("{events}//tbody/tr[1]//a[starts-with(@href, '/dags/hooked/runs/')]")).await?;
        visit.sees_no(&format!("{row}//span[.='Never']")).await?;

        // With another secret the one before is worth nothing, and what was refused is told with its reason.
        visit.click("//button[@aria-label='New secret for hooked']").await?;
        visit.click(&format!("{dialog}//footer/button[.='Make a new secret']")).await?;
        visit.reads(dialog, &["shown this one time"]).await?;
        let renewed = visit.text(&format!("{facts}[2]")).await?;
        visit.click(&format!("{dialog}//button[.='Done']")).await?;
        visit.forgive("401 (Unauthorized)");
        ensure!(send(visit, &address, &secret, "order-4").await? == 401);
        ensure!(send(visit, &address, &renewed, "order-4").await? == 202);
        let deadline = Instant::now() + Duration::from_secs(30);
        while client.get_webhook(&dag_id).await?.refused == 0 {
            ensure!(Instant::now() < deadline, "the refusal is not counted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        visit.reload().await?;
        visit.reads(row, &["the signature is wrong", "new secret"]).await?;
        visit.sees(&format!("{events}//tbody/tr[2]")).await?;
        visit.fits_narrow().await?;
        visit.click("//th//button[contains(., 'Refused')]").await?;
        visit.until("location.search.includes('order=-refused')").await?;
        visit.shows("//th[contains(., 'Refused')]", "aria-sort", "descending").await?;

        // A dag has one, and goes on without it.
        visit.click("//button[.='Add a webhook']").await?;
        visit.fill("//input[@id='webhook-dag']", "hooked").await?;
        visit.click(&format!("{dialog}//footer/button[.='Add']")).await?;
        visit.reads("//p[@id='webhook-dag-said'][@class='wrong']", &["has a webhook"]).await?;
        visit.click(&format!("{dialog}//footer/button[.='Cancel']")).await?;
        visit.click("//button[@aria-label='Delete the webhook of hooked']").await?;
        visit.reads(dialog, &["Delete the webhook of hooked?"]).await?;
        visit.click(&format!("{dialog}//button[.='Delete the webhook']")).await?;
        visit.sees_no(row).await?;
        visit.sees_no(events).await?;
        ensure!(client.get_webhook(&dag_id).await.is_err());
        client.get_dag(&dag_id).await?;
        Ok(())
    });
}
