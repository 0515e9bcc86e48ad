//! libFuzzer's way into one target, which FUZZ_TARGET names.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../wire/fuzz/targets.rs"]
mod targets;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    targets::TARGETS.iter().find(|(known, _)| *known == name).expect("a target of tests/wire/fuzz/targets.rs").1
});

fuzz_target!(|data: &[u8]| TARGET(data));
