//! Kickstarts and plans from outside: golden texts, the checks of other programs, an independent model of the installer, and
//! the scripts run on a fake machine.

mod classes;
mod collections;
mod containers;
mod debian;
mod golden;
mod grammar;
mod hostile;
mod images;
mod links;
mod machine;
mod mutations;
mod plan_model;
mod post_script;
mod pre_script;
mod table;
mod tang;
mod variants;
