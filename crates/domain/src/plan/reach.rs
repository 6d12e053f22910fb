//! Which tasks of a dag lie before or behind others.

use super::DagPlan;
use std::collections::BTreeSet;

impl DagPlan {
    /// These tasks, with all that they wait for (`upstream`) and all that wait for them (`downstream`), however far away.
    /// Positions that the plan does not have are left out.
    #[must_use]
    pub fn reach(&self, from: &[i32], upstream: bool, downstream: bool) -> BTreeSet<i32> {
        let mut reached: BTreeSet<i32> = from.iter().copied().filter(|index| self.task(*index).is_some()).collect();
        let start: Vec<i32> = reached.iter().copied().collect();
        // Each way is walked by itself: the neighbours of what lies before are not meant.
        for (wanted, forward) in [(upstream, false), (downstream, true)] {
            if !wanted {
                continue;
            }
            let mut seen: BTreeSet<i32> = start.iter().copied().collect();
            let mut open = start.clone();
            while let Some(task) = open.pop().and_then(|index| self.task(index)) {
                let next = if forward { &task.downstream } else { &task.upstream };
                open.extend(next.iter().copied().filter(|index| seen.insert(*index)));
            }
            reached.extend(seen);
        }
        reached
    }
}
