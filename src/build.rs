//! Cargo's build script: the templates and the firmware are embedded, so a file added to their folders is a reason to
//! build again. Without this only changes of files that were there before would be noticed.

/// No source of this release is older: 2026-08-01. A build that has to come out the same on every day names its own.
const NOT_OLDER: &str = "1785542400";

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let built = std::env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| NOT_OLDER.into());
    assert!(built.parse::<u64>().is_ok(), "SOURCE_DATE_EPOCH is no number of seconds: {built}");
    println!("cargo:rustc-env=RACKSTART_BUILT={built}");
    for folder in ["kickstart", "templates", "firmware"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
