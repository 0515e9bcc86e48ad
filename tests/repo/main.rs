//! The project itself: its layers, its dependencies, its Makefile, and the files that are shipped beside the program.

mod blueprints;
mod dependencies;
mod fresh_machine;
mod imports;
mod layering;
mod long_parts;
mod monitoring;
mod panics;
mod rooms;
mod schemas;
mod supply;
#[path = "../support/mod.rs"]
mod support;
mod top_level;
mod words;
