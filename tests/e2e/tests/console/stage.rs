//! What the tests share: the server, with a component, and the browser.

use crate::visit::Visit;
use anyhow::{Context as _, Result, ensure};
use chromiumoxide::cdp::browser_protocol::target::CreateBrowserContextParams;
use chromiumoxide::{Browser, BrowserConfig};
use cofferdam_api_types::{ComponentUpload, LoginRequest};
use cofferdam_client::{Client, DagSource};
use cofferdam_ids::DagId;
use cofferdam_test_guests::artefacts;
use cofferdam_test_support::cluster::{Process, free_port, until_ready};
use futures::StreamExt as _;
use serde::Deserialize;
use std::ffi::OsStr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The component that the dags of the tests run.
pub const COMPONENT: &str = "test/behaves";

/// A component of typed functions.
pub const TYPED: &str = "test/almanac";

/// How long the server may take to stop.
const STOP: Duration = Duration::from_secs(20);

/// Who may sign in, as `cofferdam dev` leaves it in its data directory.
#[derive(Debug, Deserialize)]
pub struct Admin {
    /// The address of the console.
    pub url: String,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// The server and the browser. They end when the last test lets go of them.
pub struct Stage {
    /// Who may sign in.
    pub admin: Admin,
    /// A client that is signed in.
    pub client: Client,
    browser: Browser,
    server: Process,
    runtime: Option<Runtime>,
    _folder: TempDir,
}

/// Runs a test with a browser tab of its own. When it fails, the failure comes with a picture and the server's log.
///
/// # Panics
/// When the test fails, or the page said something on the browser's console that it should not have.
pub fn visit(name: &str, test: impl AsyncFnOnce(&Visit) -> Result<()>) {
    let stage = Stage::get().unwrap_or_else(|error| panic!("the stage cannot be set: {error:#}"));
    let runtime = stage.runtime.as_ref().expect("it is there until the end");
    let failure = runtime.block_on(async {
        let context = stage.browser.create_browser_context(CreateBrowserContextParams::default()).await.expect("a context");
        let visit = Visit::new(&stage, &stage.browser, context.clone()).await.expect("a tab");
        let done = AssertUnwindSafe(test(&visit));
        let done = futures::FutureExt::catch_unwind(done).await.unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked")));
        let done = match done {
            Ok(()) => visit.was_quiet().await,
            Err(error) => Err(error),
        };
        let failure = match done {
            Ok(()) => None,
            Err(error) => {
                Some(format!("{error:?}\n{}\nThe server's log ends with:\n{}", visit.picture(name).await, stage.server.log()))
            }
        };
        drop(visit);
        // The tabs of a context go with it. A browser that cannot do this any more has been reported above.
        drop(stage.browser.dispose_browser_context(context).await);
        failure
    });
    drop(stage);
    if let Some(failure) = failure {
        panic!("{failure}");
    }
}

impl Stage {
    /// The one that another test uses now, or a new one.
    fn get() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = shared.upgrade() {
            return Ok(stage);
        }
        let stage = Arc::new(Self::set()?);
        *shared = Arc::downgrade(&stage);
        Ok(stage)
    }

    fn set() -> Result<Self> {
        let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist/index.html");
        ensure!(console.is_file(), "the console is not built: run `cargo xtask ui`");
        let folder = tempfile::Builder::new().prefix("cofferdam-console-").tempdir()?;
        let runtime = Runtime::new()?;
        let (admin, client, server, browser) = runtime.block_on(async {
            let (admin, client, server) = serve(folder.path()).await?;
            let browser = browse(&folder.path().join("profile")).await?;
            anyhow::Ok((admin, client, server, browser))
        })?;
        Ok(Self { admin, client, browser, server, runtime: Some(runtime), _folder: folder })
    }

    /// Applies a dag.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn apply(&self, yaml: &str) -> Result<DagId> {
        let applied = self.client.apply_dag(&DagSource::Yaml(yaml.to_owned()), false).await;
        Ok(applied.with_context(|| format!("the dag is refused:\n{yaml}"))?.dag_id)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        runtime.block_on(async {
            // What does not end by itself is killed: the browser and the server when they are dropped.
            drop(self.browser.close().await);
            drop(self.browser.wait().await);
            drop(self.server.terminate());
            drop(self.server.ended(STOP).await);
        });
    }
}

/// Starts the server, signs in, and pushes the component.
async fn serve(folder: &Path) -> Result<(Admin, Client, Process)> {
    let data = folder.join("data");
    let listen = format!("127.0.0.1:{}", free_port()?);
    let settings = [("data_dir".to_owned(), data.display().to_string())];
    let arguments = ["dev", "--listen", &listen, "--slots", "8", "--drain-timeout", "1s"];
    let mut server = Process::start(&arguments, folder, &settings)?;
    let client = Client::new(&format!("http://{listen}"))?;
    until_ready(&client, &mut server).await?;
    let admin: Admin = serde_json::from_slice(&std::fs::read(data.join("dev.json"))?)?;
    let login = LoginRequest { tenant: None, username: admin.username.clone(), password: admin.password.clone() };
    client.login(&login).await?;
    let upload = ComponentUpload { name: COMPONENT.parse()?, label: Some("v1".to_owned()), approve: false };
    client.upload_component(&upload, artefacts::bytes("behaviours").into(), |_| {}).await?;
    let upload = ComponentUpload { name: TYPED.parse()?, ..upload };
    client.upload_component(&upload, artefacts::bytes("typed").into(), |_| {}).await?;
    Ok((admin, client, server))
}

/// Starts the browser.
async fn browse(profile: &Path) -> Result<Browser> {
    let config = BrowserConfig::builder()
        .chrome_executable(chromium()?)
        .new_headless_mode()
        .no_sandbox()
        .user_data_dir(profile)
        .window_size(1440, 900)
        .viewport(None)
        .args(["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update"])
        .args(["disable-sync", "force-color-profile=srgb"])
        .launch_timeout(Duration::from_secs(60))
        .build()
        .map_err(anyhow::Error::msg)?;
    let (browser, mut events) = Browser::launch(config).await.context("the browser does not start")?;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    Ok(browser)
}

/// The browser that `cargo xtask test` names, else the first on the path.
#[expect(clippy::disallowed_methods, reason = "which programs are there is told by environment variables")]
fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("COFFERDAM_CHROMIUM") {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].map(OsStr::new);
    let mut all = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    all.find(|file| file.is_file()).context("there is no Chromium: name one in COFFERDAM_CHROMIUM, or install it")
}
