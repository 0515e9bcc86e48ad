//! Cargo's build script: the templates and the firmware are embedded, so adding a file to their folders must trigger a
//! new build. By itself, cargo would only notice changes to files that were there before.

/// Every source of this release dates from 2026-08-01 or later. A reproducible build sets its own `SOURCE_DATE_EPOCH`.
const NOT_OLDER: &str = "1785542400";

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let built = std::env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| NOT_OLDER.into());
    assert!(built.parse::<u64>().is_ok(), "SOURCE_DATE_EPOCH is not a number of seconds: {built}");
    println!("cargo:rustc-env=RACKSTART_BUILT={built}");
    for folder in ["kickstart", "templates", "firmware"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
