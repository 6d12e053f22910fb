//! The files that a worker can reach, by Landlock.

use super::Files;
use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus,
};
use std::path::{Path, PathBuf};

/// The rules are written for this version of the interface; older kernels enforce what they know of it.
const WRITTEN_FOR: ABI = ABI::V3;

/// What holds the system's programs, libraries and settings, wherever they are.
const SYSTEM: &[&str] = &[
    "/bin",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix",
    "/opt",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/ca-certificates",
];

/// Devices that libraries open.
const DEVICES: &[&str] = &["/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

/// Leaves the system's files and this program readable, and what the worker needs as it needs it. All other files can be neither
/// read nor written.
pub(super) fn restrict(needed: &Files) -> Result<String, String> {
    let program = std::env::current_exe().ok();
    let readable = SYSTEM.iter().map(PathBuf::from).chain(program).chain(needed.readable.iter().cloned());
    let writable = DEVICES.iter().map(PathBuf::from).chain(needed.writable.iter().cloned());
    enforce(readable, writable, "all but the worker's own files and the system's are out of reach")
}

/// Leaves the folder of scratch directories, and what the kernel tells the process of itself.
pub(super) fn restrict_sandboxes(scratch: &Path) -> Result<String, String> {
    enforce([PathBuf::from("/proc/self")], [scratch.to_owned()], "all but scratch directories are out of reach")
}

fn enforce(
    readable: impl IntoIterator<Item = PathBuf>,
    writable: impl IntoIterator<Item = PathBuf>,
    meaning: &str,
) -> Result<String, String> {
    let failed = |error: RulesetError| format!("Landlock rules cannot be set: {error}");
    let read = AccessFs::from_read(WRITTEN_FOR);
    let all = AccessFs::from_all(WRITTEN_FOR);
    let readable = readable.into_iter().filter_map(|path| rule(&path, read));
    let rules = readable.chain(writable.into_iter().filter_map(|path| rule(&path, all)));
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules.map(Ok::<_, RulesetError>)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(failed)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(meaning.to_owned()),
        RulesetStatus::PartiallyEnforced => Ok(format!("{meaning}, as far as this kernel can tell files apart")),
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock".to_owned()),
    }
}

/// A rule for a path that is there; what is not there needs none.
fn rule(path: &Path, access: landlock::BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    let opened = PathFd::new(path).ok()?;
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(WRITTEN_FOR) };
    Some(PathBeneath::new(opened, access))
}
