//! Verbs that need no network: the real binary in a folder of its own, and what it makes of files.

mod appliance;
mod blueprints;
mod config_problems;
mod console;
mod diff;
mod earlier;
mod every_verb;
mod image;
mod import;
mod init_check;
mod lint;
mod media;
mod password_hash;
mod plan_security;
mod repositories;
#[path = "../support/mod.rs"]
mod support;
mod templates;
mod trees;
mod vault;
