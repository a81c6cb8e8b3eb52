//! What was found worth keeping is met with again: the corpus of each fuzzer, and each input that
//! once showed that something was wrong.

mod kept;

use fuzzing::{TARGETS, Target};
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Runs the inputs, and fails with the names of those that it fails on.
fn replay(target: &Target, inputs: &[(PathBuf, Vec<u8>)]) {
    let failed = inputs
        .iter()
        .filter(|(_, bytes)| catch_unwind(|| (target.run)(bytes)).is_err());
    let failed: Vec<&PathBuf> = failed.map(|(path, _)| path).collect();
    assert!(failed.is_empty(), "{} fails on {failed:#?}", target.name);
}

#[test]
fn every_target_stands_every_input_of_its_corpus() {
    for target in TARGETS {
        let inputs = kept::inputs("corpus", target.name);
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        replay(target, &inputs);
    }
}

#[test]
fn what_once_was_found_does_not_come_back() {
    for target in TARGETS {
        replay(target, &kept::inputs("regressions", target.name));
    }
}

#[test]
fn of_each_input_that_once_failed_it_is_told_what_it_showed() {
    let index = kept::folder().join("regressions/INDEX");
    let index = fs::read_to_string(index).expect("the index of regressions");
    let told = index.lines().filter(|line| !line.starts_with('#'));
    let told = told.map(|line| line.split_once(": ").expect("an input and what it showed"));
    let told: BTreeSet<&str> = told.map(|(input, _)| input).collect();
    let inputs = TARGETS.iter().flat_map(|target| {
        let inputs = kept::inputs("regressions", target.name);
        inputs.into_iter().map(|(path, _)| name(target, &path))
    });
    let kept: BTreeSet<String> = inputs.collect();
    assert_eq!(told, kept.iter().map(String::as_str).collect());
}

fn name(target: &Target, path: &Path) -> String {
    let file = path.file_name().and_then(|file| file.to_str());
    format!("{}/{}", target.name, file.expect("names are ASCII"))
}

#[test]
fn every_target_has_a_fuzzer_and_every_fuzzer_is_a_target() {
    let fuzzers = fs::read_dir(kept::folder().join("fuzz_targets")).expect("the fuzzers");
    let fuzzers: BTreeSet<String> = fuzzers
        .map(|fuzzer| {
            let path = fuzzer.expect("an entry of a folder").path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            stem.expect("names are ASCII").to_owned()
        })
        .collect();
    let targets = TARGETS.iter().map(|target| target.name.to_owned());
    assert_eq!(fuzzers, targets.collect());
}
