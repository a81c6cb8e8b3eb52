#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::history_file(data));
