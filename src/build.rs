//! Cargo's build script: the templates and the firmware are embedded, so a file added to their folders is a reason to
//! build again. Without this only changes of files that were there before would be noticed.

fn main() {
    for folder in ["kickstart", "templates", "firmware"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
