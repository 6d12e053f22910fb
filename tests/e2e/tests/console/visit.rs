//! A tab of the browser, and how a person uses it.

use crate::stage::Stage;
use anyhow::{Context as _, Result, bail, ensure};
use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide::cdp::browser_protocol::emulation::{SetDeviceMetricsOverrideParams, SetFocusEmulationEnabledParams};
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::browser_protocol::page::CaptureScreenshotFormat;
use chromiumoxide::cdp::browser_protocol::target::CreateTargetParams;
use chromiumoxide::cdp::js_protocol::runtime::{ConsoleApiCalledType, EventConsoleApiCalled, EventExceptionThrown};
use chromiumoxide::error::CdpError;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, Element, Page};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the page may take to come to what is waited for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The width and height of a screen that is narrow, and of one as the browser begins with.
const NARROW: (i64, i64) = (480, 900);
const USUAL: (i64, i64) = (1440, 900);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// What stands beyond the right edge. What scrolls by itself holds what is in it; a table whose rows are made for this does not.
const BEYOND: &str = "(() => {
    const main = document.querySelector('.main');
    const held = it => {
        for (let at = it.parentElement; at && at !== main; at = at.parentElement) {
            if (getComputedStyle(at).overflowX !== 'visible' && !at.querySelector(':scope > .stacks')) return true;
        }
        return false;
    };
    const wide = [...main.querySelectorAll('*')].filter(it => {
        const box = it.getBoundingClientRect();
        return box.width > 1 && box.right > innerWidth + 0.5 && !held(it);
    });
    const page = document.documentElement.scrollWidth > innerWidth || main.scrollWidth > main.clientWidth ? ['the page itself'] : [];
    return page.concat(wide.map(it => `${it.tagName} ${it.getAttribute('class') ?? ''} ${it.innerText ?? ''}`.slice(0, 120)));
})()";

/// A tab. Elements are named by XPath.
pub struct Visit<'a> {
    /// The server.
    pub stage: &'a Stage,
    page: Page,
    noise: Arc<Mutex<Vec<String>>>,
    forgiven: Mutex<Vec<&'static str>>,
}

/// The text as a literal of JavaScript.
fn literal(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// JavaScript for the first element at an XPath, or null.
fn at(xpath: &str) -> String {
    format!("document.evaluate({}, document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue", literal(xpath))
}

impl<'a> Visit<'a> {
    /// Opens an empty tab.
    pub async fn new(stage: &'a Stage, browser: &Browser, context: BrowserContextId) -> Result<Self> {
        let target = CreateTargetParams::builder().url("about:blank").browser_context_id(context).build();
        let page = browser.new_page(target.map_err(anyhow::Error::msg)?).await?;
        page.execute(SetFocusEmulationEnabledParams::new(true)).await?;
        let noise = Arc::new(Mutex::new(Vec::new()));
        page.enable_log().await?;
        page.enable_runtime().await?;
        let (entries, calls, exceptions) = (
            page.event_listener::<EventEntryAdded>().await?.filter_map(async |event| {
                let entry = &event.entry;
                let url = entry.url.as_deref().unwrap_or_default();
                (entry.level == LogEntryLevel::Error).then(|| format!("{}: {} {url}", entry.source.as_ref(), entry.text))
            }),
            page.event_listener::<EventConsoleApiCalled>().await?.filter_map(async |event| {
                (event.r#type == ConsoleApiCalledType::Error || event.r#type == ConsoleApiCalledType::Assert)
                    .then(|| format!("console: {:?}", event.args.iter().filter_map(|it| it.value.as_ref()).collect::<Vec<_>>()))
            }),
            page.event_listener::<EventExceptionThrown>().await?.map(|event| format!("exception: {:?}", event.exception_details)),
        );
        let heard = Arc::clone(&noise);
        tokio::spawn(async move {
            let all = [entries.boxed(), calls.boxed(), exceptions.boxed()];
            let mut all = futures::stream::select_all(all);
            while let Some(said) = all.next().await {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(said);
            }
        });
        Ok(Self { stage, page, noise, forgiven: Mutex::default() })
    }

    /// Opens a page of the console.
    pub async fn open(&self, path: &str) -> Result<()> {
        self.page.goto(format!("{}{path}", self.stage.admin.url)).await?;
        Ok(())
    }

    /// Gives the tab another size.
    pub async fn resize(&self, width: i64, height: i64) -> Result<()> {
        self.page.execute(SetDeviceMetricsOverrideParams::new(width, height, 1.0, false)).await?;
        Ok(())
    }

    /// Checks that nothing of the page stands beyond the edge of a narrow screen, once it shows what it loads.
    pub async fn fits_narrow(&self) -> Result<()> {
        self.resize(NARROW.0, NARROW.1).await?;
        self.until("document.querySelector('.main h1') && !document.querySelector('.main .skeleton')").await?;
        let beyond = self.eval::<Vec<String>>(BEYOND).await?;
        let at = self.eval::<String>("location.pathname + location.search").await?;
        ensure!(beyond.is_empty(), "beyond the edge of {at}:\n{}", beyond.join("\n"));
        self.resize(USUAL.0, USUAL.1).await
    }

    /// Reads the page again.
    pub async fn reload(&self) -> Result<()> {
        self.page.reload().await?;
        Ok(())
    }

    /// Opens a page of the console, and signs in on the way.
    pub async fn open_signed_in(&self, path: &str) -> Result<()> {
        self.open(path).await?;
        self.sign_in(&self.stage.admin.password).await?;
        self.until("document.querySelector('nav.side .who')").await
    }

    /// Fills in the form and sends it.
    pub async fn sign_in(&self, password: &str) -> Result<()> {
        self.fill("//input[@id='username']", &self.stage.admin.username).await?;
        self.fill("//input[@id='password']", password).await?;
        self.click("//button[.='Sign in']").await
    }

    /// What an expression of JavaScript gives.
    pub async fn eval<T: DeserializeOwned>(&self, script: &str) -> Result<T> {
        let value = self.page.evaluate(script).await.with_context(|| script.to_owned())?;
        value.into_value().with_context(|| script.to_owned())
    }

    /// Waits until an expression of JavaScript is true, or as good as.
    pub async fn until(&self, script: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A page that is just being replaced answers with an error.
            let now = self.eval::<bool>(&format!("!!({script})")).await;
            if matches!(now, Ok(true)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("it never came to this: {script}\n(at last: {now:?})");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits for an element.
    pub async fn sees(&self, xpath: &str) -> Result<()> {
        self.until(&at(xpath)).await
    }

    /// Waits until an element is gone.
    pub async fn sees_no(&self, xpath: &str) -> Result<()> {
        self.until(&format!("!({})", at(xpath))).await
    }

    /// Waits for an element that shows all of `words`.
    pub async fn reads(&self, xpath: &str, words: &[&str]) -> Result<()> {
        let words = serde_json::to_string(words)?;
        self.until(&format!("(it => it && {words}.every(word => it.innerText.includes(word)))({})", at(xpath))).await
    }

    /// Waits until an attribute of an element is `value`.
    pub async fn shows(&self, xpath: &str, attribute: &str, value: &str) -> Result<()> {
        self.until(&format!("{}?.getAttribute({}) === {}", at(xpath), literal(attribute), literal(value))).await
    }

    /// Waits until the path of the address begins so.
    pub async fn is_at(&self, path: &str) -> Result<()> {
        self.until(&format!("location.pathname.startsWith({})", literal(path))).await
    }

    /// The visible text of an element that is there.
    pub async fn text(&self, xpath: &str) -> Result<String> {
        self.sees(xpath).await?;
        self.eval(&format!("{}.innerText", at(xpath))).await
    }

    /// Clicks with the mouse, once the element is there and can be used.
    pub async fn click(&self, xpath: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        self.until(&format!("(it => it && !it.disabled && it.getClientRects().length)({})", at(xpath))).await?;
        loop {
            // The element may be drawn anew between finding and clicking it.
            match self.try_click(xpath).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error).with_context(|| format!("cannot click {xpath}")),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn try_click(&self, xpath: &str) -> Result<(), CdpError> {
        self.page.find_xpath(xpath).await?.click().await.map(drop)
    }

    /// Types a text into a field, in place of what is there.
    pub async fn fill(&self, xpath: &str, text: &str) -> Result<()> {
        self.click(xpath).await?;
        self.eval::<bool>(&format!("(it => {{ it.select(); return true; }})({})", at(xpath))).await?;
        self.keyboard().await?.type_str(text).await?;
        self.until(&format!("{}?.value === {}", at(xpath), literal(text))).await
    }

    /// Chooses an option of a list by what it shows.
    pub async fn choose(&self, xpath: &str, option: &str) -> Result<()> {
        self.sees(&format!("{xpath}/option[.='{option}']")).await?;
        let choose = format!(
            "(list => {{ list.value = [...list.options].find(it => it.text === {}).value; \
             list.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})({})",
            literal(option),
            at(xpath)
        );
        self.eval::<bool>(&choose).await.map(drop)
    }

    /// Types a text, wherever the focus is.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.keyboard().await?.type_str(text).await?;
        Ok(())
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: &str) -> Result<()> {
        self.keyboard().await?.press_key(key).await?;
        Ok(())
    }

    async fn keyboard(&self) -> Result<Element> {
        Ok(self.page.find_element("body").await?)
    }

    /// The browser may say this on its console: the test provokes it.
    pub fn forgive(&self, words: &'static str) {
        self.forgiven.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    /// Checks that the browser reported no error and no violation of the content security policy.
    pub async fn was_quiet(&self) -> Result<()> {
        // What was said before this answer has been heard.
        self.eval::<u32>("1").await?;
        let forgiven = self.forgiven.lock().unwrap_or_else(PoisonError::into_inner);
        let mut noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner).clone();
        noise.retain(|said| !forgiven.iter().any(|words| said.contains(words)));
        ensure!(noise.is_empty(), "the browser's console says:\n{}", noise.join("\n"));
        Ok(())
    }

    /// Keeps a picture of the tab, and says where.
    pub async fn picture(&self, name: &str) -> String {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("console-{name}.png"));
        let params = ScreenshotParams::builder().format(CaptureScreenshotFormat::Png).build();
        match self.page.save_screenshot(params, &path).await {
            Ok(_) => format!("The page looked like {}", path.display()),
            Err(error) => format!("(There is no picture: {error})"),
        }
    }
}
