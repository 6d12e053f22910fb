//! Dead letters: tasks that came to nothing, and messages that no worker could read, kept until somebody looks at them.

use crate::asset::{AssetCondition, AssetUri};
use crate::plan::DagPlan;
use cofferdam_ids::DagId;

/// The asset that changes with each dead letter of a tenant.
pub const ASSET: &str = "cofferdam://dead-letters";

/// Bytes that are kept of a message that could not be read.
pub const MAX_MESSAGE: usize = 16 << 10;

/// What came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadLetterKind {
    /// A task instance whose tries are used up, or whose error ruled out another.
    Task,
    /// A message of the queue that could not be read.
    Message,
}

impl DeadLetterKind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Task, Self::Message];

    /// The kind as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Message => "message",
        }
    }

    /// Reads what [`DeadLetterKind::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// Where a dead letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadLetterState {
    /// It waits for somebody, or for the end of a try that was asked for.
    Open,
    /// Its task came to an end that is no failure after all.
    Resolved,
    /// Somebody put it aside.
    Discarded,
}

impl DeadLetterState {
    /// Every state.
    pub const ALL: &[Self] = &[Self::Open, Self::Resolved, Self::Discarded];

    /// The state as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Discarded => "discarded",
        }
    }

    /// Reads what [`DeadLetterState::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == text)
    }
}

/// How a dead letter was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// A later try succeeded.
    Succeeded,
    /// A later try asked to be skipped.
    Skipped,
    /// A person said that the task succeeded.
    MarkedSuccess,
    /// A person left the task out.
    MarkedSkipped,
}

impl Resolution {
    /// Every way.
    pub const ALL: &[Self] = &[Self::Succeeded, Self::Skipped, Self::MarkedSuccess, Self::MarkedSkipped];

    /// The way as it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Skipped => "skipped",
            Self::MarkedSuccess => "marked_success",
            Self::MarkedSkipped => "marked_skipped",
        }
    }

    /// Reads what [`Resolution::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|way| way.as_str() == text)
    }
}

/// The assets that change with a dead letter of a dag: that of the tenant, and that of the dag.
#[must_use]
pub fn assets_of(dag: &DagId) -> Vec<AssetUri> {
    let names = [ASSET.to_owned(), format!("{ASSET}/{dag}")];
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Whether a dag runs when there are dead letters. Its own tell nobody: a dag that fails over its own failures would never end.
#[must_use]
pub fn is_told_of_dead_letters(plan: &DagPlan) -> bool {
    plan.schedule.iter().flat_map(|schedule| schedule.assets()).flat_map(AssetCondition::uris).any(is_ours)
}

fn is_ours(uri: &AssetUri) -> bool {
    uri.as_str().strip_prefix(ASSET).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        assert!(DeadLetterKind::ALL.iter().all(|kind| DeadLetterKind::parse(kind.as_str()) == Some(*kind)));
        assert!(DeadLetterState::ALL.iter().all(|state| DeadLetterState::parse(state.as_str()) == Some(*state)));
        assert!(Resolution::ALL.iter().all(|way| Resolution::parse(way.as_str()) == Some(*way)));
    }

    #[test]
    fn each_letter_changes_the_asset_of_the_tenant_and_that_of_its_dag() {
        let assets = assets_of(&DagId::new("weather").unwrap());
        let names: Vec<&str> = assets.iter().map(AssetUri::as_str).collect();
        assert_eq!(names, ["cofferdam://dead-letters", "cofferdam://dead-letters/weather"]);
        assert!(assets.iter().all(is_ours));
        assert!(!is_ours(&"cofferdam://dead-lettersx".parse().unwrap()));
    }
}
