//! No capabilities, and no way to get any.

use rustix::io::Errno;
use rustix::thread::{self, CapabilitySet, CapabilitySets};

/// Empties every set of capabilities, the bounding set included.
pub(super) fn drop_capabilities() -> Result<String, String> {
    let refused = |error: Errno| format!("capabilities cannot be given up: {error}");
    for capability in CapabilitySet::all().iter() {
        match thread::remove_capability_from_bounding_set(capability) {
            // A capability that this kernel does not know, or a process that has none to give up.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
            Err(error) => return Err(refused(error)),
        }
    }
    match thread::clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(refused(error)),
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    thread::set_capabilities(None, none).map_err(refused)?;
    Ok("none are left".to_owned())
}

/// No program that is started from here gets more privileges than this process has.
pub(super) fn forbid_new_ones() -> Result<String, String> {
    thread::set_no_new_privs(true).map_err(|error| format!("the kernel refuses it: {error}"))?;
    Ok("programs started from here get no more than this one has".to_owned())
}
