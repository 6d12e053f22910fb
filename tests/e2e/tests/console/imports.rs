//! Files of bundles, what is wrong with them, and where the list of dags tells of it.

use crate::stage::visit;
use cofferdam_api_types::{BundleKind, BundleSource, SyncBundle, SyncContent, SyncFile};

fn file(path: &str, digit: char, text: &str) -> anyhow::Result<SyncFile> {
    let hash = digit.to_string().repeat(64).parse()?;
    Ok(SyncFile { path: path.to_owned(), hash, content: SyncContent::Definition(text.to_owned()) })
}

#[test]
fn a_broken_file_is_told_with_its_place_and_hides_no_other() {
    visit("imports", async |visit| {
        let right = "dag_id: imported\nowners: [importer]\ntasks:\n  - task_id: only\n    component: test/behaves\n";
        let wrong = "dag_id: broken\ntasks:\n  - task_id: only\n    component: test/behaves\n    retires: 2\n";
        let sync = SyncBundle {
            source: BundleSource {
                kind: BundleKind::Git,
                location: "https://example.com/dags.git".to_owned(),
                ..BundleSource::default()
            },
            present: vec!["imported.yaml".to_owned(), "broken.yaml".to_owned()],
            files: vec![file("imported.yaml", 'a', right)?, file("broken.yaml", 'b', wrong)?],
            finish: true,
            ..SyncBundle::default()
        };
        visit.stage.client.sync_bundle(&"farm".parse()?, &sync).await?;
        visit.open_signed_in("/dags?q=imported").await?;
        visit.reads("//div[contains(@class, 'notice')]", &["1 file of bundles is broken"]).await?;

        // An owner is a filter, which the address keeps.
        visit.click("//tbody//button[.='importer']").await?;
        visit.until("location.search === '?q=imported&owner=importer'").await?;
        visit.reads("//div[@class='pager']", &["1 dag"]).await?;
        visit.choose("//select[@aria-label='How the last run went']", "Failed").await?;
        visit.reads("//section[@aria-label='Dags']", &["No dag fits these filters"]).await?;

        visit.click("//a[.='See what is wrong']").await?;
        visit.is_at("/imports").await?;
        visit.reads("//tbody/tr[.//button[.='farm']]", &["https://example.com/dags.git", "git", "2", "1"]).await?;
        let broken = "//section[@aria-label='Import errors']//li[.//strong[.='broken.yaml']]";
        visit.reads(broken, &["farm", "1 error", "retires", "unknown_field", "5:5"]).await?;
        // The lines around it, with the place marked.
        let lines = format!("{broken}//*[@aria-label='Lines of the file']");
        visit.reads(&format!("{lines}//tr[@class='at']"), &["5", "retires: 2"]).await?;
        visit.reads(&format!("{lines}//mark"), &["retires"]).await?;
        visit.reads(&lines, &["task_id: only"]).await?;
        visit.click("//tbody//button[.='farm']").await?;
        visit.until("location.search === '?bundle=farm'").await?;
        visit.reads("//section[@aria-label='Files']//tr[contains(., 'imported.yaml')]", &["imported", "Applied"]).await?;
        visit.reads("//section[@aria-label='Files']//tr[contains(., 'broken.yaml')]", &["Broken"]).await?;
        visit.fits_narrow().await
    });
}
