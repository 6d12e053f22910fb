//! Inspecting uploads.

use cofferdam_sandbox::inspect::{Kind, UploadCaps, UploadError, adapt_and_inspect, inspect};
use cofferdam_test_guests::{artefacts, hostile, preview1};
use std::time::{Duration, Instant};

#[test]
fn a_task() {
    let bytes = artefacts::bytes("behaviours");
    let inspection = inspect(&bytes, &UploadCaps::default()).unwrap();
    assert_eq!(inspection.kind, Kind::Task);
    assert_eq!(inspection.bytes, bytes.len() as u64);
    assert_eq!(inspection.exports.len(), 1);
    assert_eq!(inspection.exports[0].name, "run");
    assert!(inspection.exports[0].signature.starts_with("func(input: "), "{}", inspection.exports[0].signature);
    let words: Vec<_> = inspection.imports.iter().map(|import| (import.capability.as_str(), import.offered)).collect();
    for wanted in [("xcom", true), ("log", true), ("context", true), ("progress", true), ("clock", true), ("network", false)] {
        assert!(words.contains(&wanted), "{wanted:?} in {words:?}");
    }
    assert!(inspection.wit.contains("export run: func(input: "), "{}", inspection.wit);
    assert!(inspection.wit.contains("package cofferdam:task@0.1.1"), "{}", inspection.wit);
}

#[test]
fn a_command() {
    let inspection = inspect(&artefacts::bytes("command"), &UploadCaps::default()).unwrap();
    assert_eq!(inspection.kind, Kind::Command);
    assert!(inspection.exports.iter().any(|export| export.name.starts_with("wasi:cli/run@0.2.")), "{:?}", inspection.exports);
    let by_hand = inspect(&hostile::many_instances(3), &UploadCaps::default()).unwrap();
    assert_eq!(by_hand.kind, Kind::Command);
}

#[test]
fn hostile_bytes_are_refused_quickly_and_by_name() {
    let small = UploadCaps { functions: 1000, ..UploadCaps::default() };
    for (bytes, caps, code) in [
        (hostile::not_wasm(), UploadCaps::default(), "not_wasm"),
        (hostile::core_module(), UploadCaps::default(), "core_module"),
        (hostile::truncated(), UploadCaps::default(), "component_truncated"),
        (hostile::invalid_code(), UploadCaps::default(), "component_invalid"),
        (hostile::unknown_import(), UploadCaps::default(), "unknown_import"),
        (hostile::compile_bomb(), UploadCaps::default(), "function_too_large"),
        (hostile::many_functions(1001), small, "too_many_functions"),
        (hostile::many_functions(1000), UploadCaps { bytes: 1000, ..small }, "component_too_large"),
    ] {
        let started = Instant::now();
        let error = inspect(&bytes, &caps).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{code}: {:?}", started.elapsed());
    }
    inspect(&hostile::many_functions(1000), &small).unwrap();
    let few = UploadCaps { types: 100, imports: 100, modules: 100, ..UploadCaps::default() };
    for (make, code) in [
        (hostile::many_types as fn(u32) -> Vec<u8>, "too_many_types"),
        (hostile::many_imports, "too_many_imports"),
        (hostile::many_modules, "too_many_modules"),
    ] {
        inspect(&make(90), &few).unwrap_or_else(|error| panic!("{code}: {error}"));
        assert_eq!(inspect(&make(110), &few).unwrap_err().code(), code);
    }
}

#[test]
fn a_small_component_has_no_huge_description() {
    let error = inspect(&hostile::long_names(90_000, 200), &UploadCaps::default()).unwrap_err();
    assert_eq!(error.code(), "component_indescribable");
    assert!(error.to_string().contains("more than 4 MiB"), "{error:.200}");
    // What is still described has functions for as long as there is room for their names.
    let inspection = inspect(&hostile::long_names(1_000, 100), &UploadCaps::default()).unwrap();
    let (refused, offered): (Vec<_>, Vec<_>) = inspection.functions.iter().partition(|function| function.refused.is_some());
    assert!(offered.len() > 50 && !refused.is_empty(), "{} offered", offered.len());
    assert!(refused[0].refused.as_deref().unwrap().contains("all functions together have more than 1024 KiB"));
    let inspection = inspect(&hostile::long_names(90_000, 1), &UploadCaps::default()).unwrap();
    assert!(inspection.functions[0].refused.as_deref().unwrap().contains("more than 256 KiB"));
}

#[test]
fn the_place_of_the_problem_is_told() {
    let Err(UploadError::Invalid { offset, message }) = inspect(&hostile::invalid_code(), &UploadCaps::default()) else {
        panic!("it is valid");
    };
    assert!(offset > 8 && !message.is_empty());
    let Err(UploadError::UnknownImport { import }) = inspect(&hostile::unknown_import(), &UploadCaps::default()) else {
        panic!("it is known");
    };
    assert_eq!(import, "acme:widgets/press@1.0.0");
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    let whole = artefacts::bytes("trivial");
    for cut in (0..whole.len()).step_by(97) {
        inspect(&whole[..cut], &UploadCaps::default()).unwrap_err();
    }
}

#[test]
fn a_core_module_for_wasi_preview_1_is_made_a_program() {
    let module = preview1::copies_stdin();
    assert_eq!(inspect(&module, &UploadCaps::default()).unwrap_err().code(), "core_module");
    let (component, inspection) = adapt_and_inspect(&module, &UploadCaps::default()).unwrap();
    assert_eq!(inspection.kind, Kind::Command);
    assert_ne!(inspection.digest, inspection.adapted_from.unwrap(), "the digest is the component's");
    assert_eq!(inspection.bytes, component.len() as u64);

    // A component stays as it is.
    let (same, inspection) = adapt_and_inspect(&component, &UploadCaps::default()).unwrap();
    assert_eq!((same.as_ref(), inspection.adapted_from), (component.as_ref(), None));
    for (bytes, code) in [
        (hostile::core_module(), "core_module"),
        (hostile::not_wasm(), "not_wasm"),
        (module[..module.len() - 9].to_vec(), "component_truncated"),
    ] {
        assert_eq!(adapt_and_inspect(&bytes, &UploadCaps::default()).unwrap_err().code(), code);
    }
    let small = UploadCaps { bytes: 100, ..UploadCaps::default() };
    assert_eq!(adapt_and_inspect(&module, &small).unwrap_err().code(), "component_too_large");
    // One that asks for what preview 1 does not have.
    let asks = String::from_utf8_lossy(&module).find("fd_read").unwrap();
    let mut odd = module;
    odd[asks..asks + 7].copy_from_slice(b"fd_rend");
    let error = adapt_and_inspect(&odd, &UploadCaps::default()).unwrap_err();
    assert_eq!(error.code(), "core_module_unadaptable", "{error}");
}
