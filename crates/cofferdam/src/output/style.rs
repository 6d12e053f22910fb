//! Colours, when the terminal has them and `NO_COLOR` is not set.

use console::Style;

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Strong,
    /// It went well.
    Good,
    /// It goes on.
    Busy,
    /// It may be wrong.
    Warn,
    /// It went wrong.
    Bad,
}

impl Tone {
    /// The tone of a run's or task's state.
    #[must_use]
    pub fn of_state(state: &str) -> Self {
        match state {
            "success" => Self::Good,
            "failed" | "upstream_failed" => Self::Bad,
            "running" | "restarting" => Self::Busy,
            "up_for_retry" | "up_for_reschedule" | "deferred" => Self::Warn,
            "queued" | "scheduled" | "none" | "skipped" | "removed" => Self::Dim,
            _ => Self::Plain,
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dim(),
            Self::Strong => Style::new().bold(),
            Self::Good => Style::new().green(),
            Self::Busy => Style::new().cyan(),
            Self::Warn => Style::new().yellow(),
            Self::Bad => Style::new().red(),
        }
    }
}

/// Paints for standard output.
#[must_use]
pub fn paint(tone: Tone, text: &str) -> String {
    tone.style().for_stdout().apply_to(text).to_string()
}

/// Paints for standard error.
pub fn on_stderr() -> impl Fn(Tone, &str) -> String {
    |tone, text| tone.style().for_stderr().apply_to(text).to_string()
}
