#![no_main]

libfuzzer_sys::fuzz_target!(
    // Some panics are caught by what is fuzzed, and are no findings; libFuzzer's hook would take them for such.
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| cofferdam_fuzz_entries::upload(bytes)
);
