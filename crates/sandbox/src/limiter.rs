//! Counts what the memories and tables of one try have together, and says no at the limit.

use cofferdam_domain::limits::Limits;
use wasmtime::ResourceLimiter;

/// The limits of one try on memories, tables and instances, and what was reached.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_max: u64,
    memory_now: u64,
    memory_peak: u64,
    table_max: u64,
    table_now: u64,
    instances: u32,
    /// How often more memory was asked for than allowed. A guest then usually aborts, which alone would look like a trap.
    pub memory_denied: u32,
    /// How often a larger table was asked for than allowed.
    pub table_denied: u32,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_max: limits.memory_bytes,
            memory_now: 0,
            memory_peak: 0,
            table_max: limits.table_elements,
            table_now: 0,
            instances: limits.instances,
            memory_denied: 0,
            table_denied: 0,
        }
    }

    /// The most bytes that all memories together had.
    pub(crate) const fn memory_peak(&self) -> u64 {
        self.memory_peak
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            // More than the memory's own type allows: the guest's doing, not ours.
            return Ok(false);
        }
        let after = (self.memory_now - current as u64).saturating_add(desired as u64);
        if after > self.memory_max {
            self.memory_denied += 1;
            return Ok(false);
        }
        self.memory_now = after;
        self.memory_peak = self.memory_peak.max(after);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let after = (self.table_now - current as u64).saturating_add(desired as u64);
        if after > self.table_max {
            self.table_denied += 1;
            return Ok(false);
        }
        self.table_now = after;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances as usize
    }

    fn tables(&self) -> usize {
        16
    }

    fn memories(&self) -> usize {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_memories_together_never_pass_the_limit(growths in proptest::collection::vec((0_usize..4, 0_usize..1000), 0..50), max in 0_u64..3000) {
            let mut limiter = Limiter::new(&Limits { memory_bytes: max, ..Limits::default() });
            let mut memories = [0_usize; 4];
            let mut refused = 0;
            for (memory, by) in growths {
                let desired = memories[memory] + by;
                let fits = (memories.iter().sum::<usize>() + by) as u64 <= max;
                prop_assert_eq!(limiter.memory_growing(memories[memory], desired, None).unwrap(), fits);
                if fits { memories[memory] = desired; } else { refused += 1; }
            }
            prop_assert_eq!(limiter.memory_denied, refused);
            prop_assert_eq!(limiter.memory_now, memories.iter().sum::<usize>() as u64);
            prop_assert!(limiter.memory_peak() <= max);
        }
    }
}
