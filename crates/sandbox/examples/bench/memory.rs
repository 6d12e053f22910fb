//! What memory this process takes.

/// A line of `/proc/self/status` in KiB: `VmRSS` is all memory that is resident now, `RssAnon` what nobody shares.
pub fn kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
