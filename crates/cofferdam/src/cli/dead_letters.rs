//! Arguments of `dead-letters`.

use super::{PageArgs, duration};
use clap::{Args, Subcommand, ValueEnum};
use cofferdam_domain::definition::Moment;
use cofferdam_domain::ending::Reason;
use cofferdam_ids::{DagId, DagRunId, DeadLetterId, TaskId};

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List dead letters, the latest first
    List {
        #[command(flatten)]
        filter: LetterFilterArgs,
        /// Only those in this state
        #[arg(long, value_enum, default_value_t = LetterStateArg::Open)]
        state: LetterStateArg,
        /// Orders by this, with - before it for the other direction
        #[arg(long, value_name = "FIELD", default_value = "-at", allow_hyphen_values = true)]
        order_by: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a dead letter with every try of its task
    Show {
        /// The letter
        id: DeadLetterId,
    },
    /// Run the tasks of open letters again
    Retry {
        #[command(flatten)]
        which: WhichLetters,
    },
    /// Put open letters aside
    Discard {
        #[command(flatten)]
        which: WhichLetters,
        /// Why
        #[arg(long)]
        note: Option<String>,
    },
    /// Show how long closed letters are kept, or say it
    Retention {
        /// Keeps letters so long once they were resolved or discarded, such as 2160h
        #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "default")]
        set: Option<std::time::Duration>,
        /// Keeps them as long as the configuration says
        #[arg(long)]
        default: bool,
    },
}

/// Which letters something is done to.
#[derive(Debug, Args)]
pub struct WhichLetters {
    /// The letters; without them, those that the filters let pass
    pub ids: Vec<DeadLetterId>,
    #[command(flatten)]
    pub filter: LetterFilterArgs,
    /// All open letters, when no filter is given
    #[arg(long)]
    pub all: bool,
    /// Tells which letters it would be, and changes nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Which letters pass.
#[derive(Debug, Args)]
pub struct LetterFilterArgs {
    /// Only those of this dag; can be given several times
    #[arg(long = "dag", value_name = "DAG")]
    pub dags: Vec<DagId>,
    /// Only those of this run
    #[arg(long = "run", value_name = "RUN")]
    pub runs: Vec<DagRunId>,
    /// Only those of this task
    #[arg(long = "task", value_name = "TASK")]
    pub tasks: Vec<TaskId>,
    /// Only those with this reason, such as out_of_memory
    #[arg(long = "reason", value_name = "REASON", value_parser = reason)]
    pub reasons: Vec<Reason>,
    /// Only tasks, or only messages
    #[arg(long, value_enum)]
    pub kind: Option<LetterKindArg>,
    /// Only those that came at this time or later: 2026-11-01, 2026-11-01T06:00 (both UTC), or with its offset
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Only those that came at this time or earlier
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
}

impl LetterFilterArgs {
    /// Whether nothing bounds the letters.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.dags.is_empty()
            && self.runs.is_empty()
            && self.tasks.is_empty()
            && self.reasons.is_empty()
            && self.kind.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }
}

/// What came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LetterKindArg {
    /// Tasks.
    Task,
    /// Messages that could not be read.
    Message,
}

/// Where letters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LetterStateArg {
    /// Nobody has looked after them.
    Open,
    /// Their tasks came right.
    Resolved,
    /// Somebody put them aside.
    Discarded,
    /// In any state.
    All,
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("a reason is one of {}", known.join(", "))
    })
}
