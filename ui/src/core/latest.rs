//! Answers that come too late: only that to the latest question is wanted.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;

/// The questions that one view asks, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Latest(StoredValue<u32>);

/// A question among those of a view.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    latest: Latest,
    number: u32,
}

impl Latest {
    /// None was asked yet. The answers are unwanted when the view is gone in which this is called.
    #[must_use]
    pub fn new() -> Self {
        Self(StoredValue::new(0))
    }

    /// Asks another question: the answers to those before are no longer wanted.
    pub fn ask(self) -> Question {
        let number = self.0.get_value() + 1;
        self.0.set_value(number);
        Question { latest: self, number }
    }
}

impl Default for Latest {
    fn default() -> Self {
        Self::new()
    }
}

impl Question {
    /// Whether its answer is still wanted.
    #[must_use]
    pub fn is_wanted(self) -> bool {
        self.latest.0.try_get_value() == Some(self.number)
    }

    /// Waits so many milliseconds, and tells whether its answer is still wanted: of what is typed quickly only the last is asked.
    pub async fn rests(self, ms: u32) -> bool {
        TimeoutFuture::new(ms).await;
        self.is_wanted()
    }
}
