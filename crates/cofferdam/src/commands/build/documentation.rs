//! The documentation of a project's own WIT: toolchains keep none of it.

use std::path::Path;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};
use wit_parser::{PackageMetadata, Resolve};

/// The section in which the SDKs write it.
const SECTION: &str = "cofferdam-docs";

/// The component with what the comments in a directory of WIT files say, unless it has documentation already. WIT that cannot be read is
/// for the toolchain to complain of.
pub fn documented(mut component: Vec<u8>, wit: &Path) -> Vec<u8> {
    let has_some = Parser::new(0).parse_all(&component).map_while(Result::ok).any(|payload| match payload {
        Payload::CustomSection(section) => [SECTION, "package-docs"].contains(&section.name()),
        _ => false,
    });
    if has_some || !wit.is_dir() {
        return component;
    }
    let mut resolve = Resolve::default();
    let Ok((package, _)) = resolve.push_dir(wit) else { return component };
    let Ok(documentation) = PackageMetadata::extract(&resolve, package).encode() else { return component };
    CustomSection { name: SECTION.into(), data: documentation.into() }.append_to_component(&mut component);
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component without anything.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn what_the_wit_says_goes_into_a_section_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(documented(EMPTY.to_vec(), &dir.path().join("wit")), EMPTY);
        std::fs::write(dir.path().join("a.wit"), "package a:b; interface i { /// Adds.\n add: func(); }").unwrap();
        let once = documented(EMPTY.to_vec(), dir.path());
        assert!(once.windows(SECTION.len()).any(|part| part == SECTION.as_bytes()), "{once:?}");
        assert!(String::from_utf8_lossy(&once).contains(r#""add":{"docs":"Adds."}"#), "{}", String::from_utf8_lossy(&once));
        assert_eq!(documented(once.clone(), dir.path()), once);
        std::fs::write(dir.path().join("a.wit"), "package a:b; interface").unwrap();
        assert_eq!(documented(EMPTY.to_vec(), dir.path()), EMPTY);
    }
}
