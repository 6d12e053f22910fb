//! The order of tasks, and the circles that keep them from having one.

/// An order in which every task comes after those it waits for, and otherwise the order in which they were written; or the
/// circles, each as the tasks along it in the direction of the work.
///
/// `upstream[i]` holds the positions of the tasks that task `i` waits for. Each position is in range.
pub(crate) fn order(upstream: &[Vec<usize>]) -> Result<Vec<usize>, Vec<Vec<usize>>> {
    let mut removed = vec![false; upstream.len()];
    let mut circles = Vec::new();
    loop {
        let sorted = sort(upstream, &removed);
        let Some(circle) = circle(upstream, &removed, &sorted) else {
            return if circles.is_empty() { Ok(sorted) } else { Err(circles) };
        };
        // Without the tasks of this circle, look for others that have nothing to do with it.
        for task in &circle {
            removed[*task] = true;
        }
        circles.push(circle);
    }
}

/// All tasks that can be put in order (Kahn's algorithm, the earliest written first).
fn sort(upstream: &[Vec<usize>], removed: &[bool]) -> Vec<usize> {
    let mut downstream = vec![Vec::new(); upstream.len()];
    let mut waiting_for = vec![0_usize; upstream.len()];
    for (task, above) in upstream.iter().enumerate() {
        for other in above.iter().filter(|other| !removed[**other]) {
            downstream[*other].push(task);
            waiting_for[task] += 1;
        }
    }
    let is_ready = |task: &usize| waiting_for[*task] == 0 && !removed[*task];
    let mut ready: std::collections::BTreeSet<usize> = (0..upstream.len()).filter(is_ready).collect();
    let mut sorted = Vec::with_capacity(upstream.len());
    while let Some(task) = ready.pop_first() {
        sorted.push(task);
        for below in &downstream[task] {
            waiting_for[*below] -= 1;
            if waiting_for[*below] == 0 && !removed[*below] {
                ready.insert(*below);
            }
        }
    }
    sorted
}

/// A circle among the tasks that could not be sorted.
fn circle(upstream: &[Vec<usize>], removed: &[bool], sorted: &[usize]) -> Option<Vec<usize>> {
    let mut left: Vec<bool> = removed.iter().map(|removed| !removed).collect();
    for task in sorted {
        left[*task] = false;
    }
    let start = left.iter().position(|left| *left)?;
    // Each task that is left waits for one that is left: going up, some task comes again.
    let mut path = vec![start];
    loop {
        let last = *path.last()?;
        let above = *upstream[last].iter().find(|other| left[**other])?;
        if let Some(begin) = path.iter().position(|task| *task == above) {
            let mut circle = path.split_off(begin);
            circle.reverse();
            let first = circle.iter().enumerate().min_by_key(|(_, task)| **task).map_or(0, |(index, _)| index);
            circle.rotate_left(first);
            return Some(circle);
        }
        path.push(above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tasks_keep_their_order_where_they_can() {
        assert_eq!(order(&[vec![], vec![0], vec![], vec![1, 2]]), Ok(vec![0, 1, 2, 3]));
        assert_eq!(order(&[vec![2], vec![], vec![]]), Ok(vec![1, 2, 0]));
        assert_eq!(order(&[]), Ok(vec![]));
    }

    #[test]
    fn circles_are_told_in_the_direction_of_the_work() {
        // 0 runs before 1, 1 before 2, 2 before 0; 3 hangs below; 4 waits for itself.
        assert_eq!(order(&[vec![2], vec![0], vec![1], vec![2], vec![4]]), Err(vec![vec![0, 1, 2], vec![4]]));
    }

    proptest! {
        #[test]
        fn either_an_order_or_a_circle(edges in proptest::collection::vec((0..12_usize, 0..12_usize), 0..30)) {
            let mut upstream = vec![Vec::new(); 12];
            for (task, above) in edges {
                upstream[task].push(above);
            }
            match order(&upstream) {
                Ok(sorted) => {
                    prop_assert_eq!(sorted.len(), upstream.len());
                    for (place, task) in sorted.iter().enumerate() {
                        for above in &upstream[*task] {
                            prop_assert!(sorted[..place].contains(above));
                        }
                    }
                }
                Err(circles) => for circle in circles {
                    for (place, task) in circle.iter().enumerate() {
                        let next = circle[(place + 1) % circle.len()];
                        prop_assert!(upstream[next].contains(task));
                    }
                },
            }
        }
    }
}
