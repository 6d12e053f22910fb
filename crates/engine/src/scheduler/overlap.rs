//! Runs that are due while others of their dags are not finished.

use crate::pipeline::Followups;
use crate::{Engine, EngineError};
use chrono::{DateTime, Utc};
use cofferdam_domain::definition::Overlap;
use cofferdam_ids::DagKey;
use cofferdam_store::Tx;
use cofferdam_store::execution::runs;

/// What becomes of a new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// It is made; those before it stay as they are.
    Make,
    /// It is made, and those before it are cancelled.
    MakeAndCancel,
    /// It is not made.
    LeaveOut,
}

/// What becomes of a run that nobody asked for by hand. `unfinished` runs of its dag are there. (With [`Overlap::Queue`] the dag has
/// room for one run, so it waits by itself.)
pub(crate) const fn place(overlap: Overlap, unfinished: i64) -> Placement {
    match overlap {
        Overlap::Allow | Overlap::Queue => Placement::Make,
        Overlap::Skip if unfinished > 0 => Placement::LeaveOut,
        Overlap::CancelPrevious if unfinished > 0 => Placement::MakeAndCancel,
        Overlap::Skip | Overlap::CancelPrevious => Placement::Make,
    }
}

impl Engine {
    /// Cancels the unfinished runs of dags, which the transaction has locked: for new runs that are about to take their place.
    pub(crate) async fn cancel_unfinished(
        &self,
        tx: &mut Tx<'_>,
        dags: &[DagKey],
        now: DateTime<Utc>,
    ) -> Result<Followups, EngineError> {
        let before = runs::unfinished(tx, dags).await?;
        self.cancel_runs(tx, &before, now).await
    }
}
