//! Everything that the fuzzers found worth keeping, again.

use cofferdam_fuzz_entries::ENTRIES;
use std::path::Path;

#[test]
fn what_the_fuzzers_kept_is_no_finding() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, entry) in ENTRIES {
        let mut files: Vec<_> = std::fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 20, "the corpus of {name} has only {} files", files.len());
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            // A panic names the place but not the file.
            let outcome = std::panic::catch_unwind(|| entry(&bytes));
            assert!(outcome.is_ok(), "{} is a finding", file.display());
        }
    }
    let folders = std::fs::read_dir(&corpus).unwrap().count();
    assert_eq!(folders, ENTRIES.len(), "each folder of the corpus is replayed");
}
