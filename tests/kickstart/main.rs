//! Kickstarts from outside: golden texts, the checks of other programs, and the scripts in them run on a fake machine.

mod golden;
mod grammar;
mod hostile;
mod links;
mod machine;
mod post_script;
mod pre_script;
mod table;
mod variants;
