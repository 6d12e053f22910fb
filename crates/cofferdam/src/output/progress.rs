//! Progress on a terminal: a bar for an upload, a spinner for a wait. Elsewhere nothing is drawn.

use super::Output;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar that fills as `total` bytes go out.
#[must_use]
pub fn upload(output: &Output, name: &str, total: u64) -> ProgressBar {
    if !output.progress {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} ({elapsed})")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(name.to_owned());
    bar
}

/// A spinner with a message that may change.
#[must_use]
pub fn wait(output: &Output, message: &str) -> ProgressBar {
    if !output.progress {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    spinner.set_style(
        ProgressStyle::with_template("{spinner} {msg} ({elapsed})").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    spinner.set_message(message.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
