//! The inputs that were kept, by target.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the fuzzers.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs in `fuzz/KIND/TARGET`, by their paths; none if there is no such folder.
pub(crate) fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder().join(kind).join(target)) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry of a folder").path());
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file that can be read");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}
