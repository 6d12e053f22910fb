//! What one try of a task may use.

use serde::{Deserialize, Serialize};

/// The limits of one try. The smallest of task, dag, tenant and installation wins ([`Limits::tightened_by`]).
///
/// Defaults and hard caps are those of `docs/limits.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Units of fuel: about one for each WebAssembly instruction.
    pub fuel: u64,
    /// Bytes of all linear memories together.
    pub memory_bytes: u64,
    /// Wall-clock milliseconds from the first instruction.
    pub wall_ms: u64,
    /// Bytes kept of stdout, and as many of stderr; the rest is dropped, and the try goes on.
    pub output_bytes: u64,
    /// Bytes of log messages kept; the rest is dropped, and the try goes on.
    pub log_bytes: u64,
    /// Bytes of the result and of each XCom.
    pub result_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Core instances of one component.
    pub instances: u32,
    /// Handles (streams, pollables, …) held at once.
    pub handles: u32,
    /// HTTP requests.
    pub http_calls: u32,
    /// Bytes of all HTTP requests and responses together: heads and bodies.
    pub http_bytes: u64,
    /// Bytes of the scratch directory; it is there only when the grant has one.
    pub scratch_bytes: u64,
    /// Bytes of the checkpoint.
    pub checkpoint_bytes: u64,
    /// Bytes of all artifacts that the try writes.
    pub artifact_bytes: u64,
    /// Artifacts that the try writes.
    pub artifacts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 20_000_000_000,
            memory_bytes: 256 << 20,
            wall_ms: 300_000,
            output_bytes: 256 << 10,
            log_bytes: 1 << 20,
            result_bytes: 1 << 20,
            table_elements: 100_000,
            instances: 64,
            handles: 1_000,
            http_calls: 100,
            http_bytes: 64 << 20,
            scratch_bytes: 1 << 30,
            checkpoint_bytes: 1 << 20,
            artifact_bytes: 256 << 20,
            artifacts: 100,
        }
    }
}

impl Limits {
    /// What no configuration can exceed.
    #[must_use]
    pub const fn hard_caps() -> Self {
        Self {
            fuel: 10_000_000_000_000,
            memory_bytes: 4 << 30,
            wall_ms: 24 * 3_600_000,
            output_bytes: 16 << 20,
            log_bytes: 64 << 20,
            result_bytes: 16 << 20,
            table_elements: 1_000_000,
            instances: 64,
            handles: 10_000,
            http_calls: 10_000,
            http_bytes: 4 << 30,
            scratch_bytes: 16 << 30,
            checkpoint_bytes: 64 << 20,
            artifact_bytes: 16 << 30,
            artifacts: 1_000,
        }
    }

    /// These limits, each lowered to `other`'s where that is smaller.
    #[must_use]
    pub fn tightened_by(&self, other: &Self) -> Self {
        Self {
            fuel: self.fuel.min(other.fuel),
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            wall_ms: self.wall_ms.min(other.wall_ms),
            output_bytes: self.output_bytes.min(other.output_bytes),
            log_bytes: self.log_bytes.min(other.log_bytes),
            result_bytes: self.result_bytes.min(other.result_bytes),
            table_elements: self.table_elements.min(other.table_elements),
            instances: self.instances.min(other.instances),
            handles: self.handles.min(other.handles),
            http_calls: self.http_calls.min(other.http_calls),
            http_bytes: self.http_bytes.min(other.http_bytes),
            scratch_bytes: self.scratch_bytes.min(other.scratch_bytes),
            checkpoint_bytes: self.checkpoint_bytes.min(other.checkpoint_bytes),
            artifact_bytes: self.artifact_bytes.min(other.artifact_bytes),
            artifacts: self.artifacts.min(other.artifacts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each limit by the name that a dag has for it. No field is forgotten: they are all taken apart.
    fn by_name(limits: Limits) -> [(&'static str, u64); 15] {
        let Limits {
            fuel,
            memory_bytes,
            wall_ms,
            output_bytes,
            log_bytes,
            result_bytes,
            table_elements,
            instances,
            handles,
            http_calls,
            http_bytes,
            scratch_bytes,
            checkpoint_bytes,
            artifact_bytes,
            artifacts,
        } = limits;
        [
            ("fuel", fuel),
            ("memory", memory_bytes),
            ("timeout", wall_ms / 1_000),
            ("output", output_bytes),
            ("log", log_bytes),
            ("result", result_bytes),
            ("table_elements", table_elements),
            ("instances", instances.into()),
            ("handles", handles.into()),
            ("http_calls", http_calls.into()),
            ("http_bytes", http_bytes),
            ("scratch", scratch_bytes),
            ("checkpoint", checkpoint_bytes),
            ("artifact_bytes", artifact_bytes),
            ("artifacts", artifacts.into()),
        ]
    }

    /// `256 MiB`, `300 s`, `1,000`.
    fn number(cell: &str) -> u64 {
        let (digits, unit) = cell.split_once(' ').unwrap_or((cell, ""));
        let shift = ["KiB", "MiB", "GiB"].iter().position(|known| *known == unit).map_or(0, |at| 10 * (at + 1));
        digits.replace(',', "").parse::<u64>().unwrap_or_else(|error| panic!("{cell}: {error}")) << shift
    }

    #[test]
    fn the_page_has_every_limit_with_its_default_and_cap() {
        let page = include_str!("../../../docs/limits.md");
        let (_, table) = page.split_once("|---|---|---|---|\n").unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|')).map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            (cells[0].trim_matches('`').to_owned(), number(cells[1]), number(cells[2]))
        });
        let (defaults, caps) = (by_name(Limits::default()), by_name(Limits::hard_caps()));
        let known = defaults.into_iter().zip(caps).map(|((name, default), (_, cap))| (name.to_owned(), default, cap));
        let (mut rows, mut known) = (rows.collect::<Vec<_>>(), known.collect::<Vec<_>>());
        rows.sort();
        known.sort();
        assert_eq!(rows, known);
    }
}
