//! rackstart: turns a file of MACs and roles into installed servers, or into a working cloud, unattended.
//!
//! This is the map. PURE modules hold every decision, all arithmetic and all rendering; they know no socket, clock or
//! file (`tests/repo/layering.rs` enforces it). The others do I/O and decide nothing.
//!
//! | module | kind | what it is for |
//! |---|---|---|
//! | [`site`] | pure | what exists: nodes, roles, layouts, networks |
//! | [`plan`] | pure | what the disks will look like: Anaconda's own arithmetic |
//! | [`lifecycle`] | pure | the life of a node: state x event |
//! | [`boot`] | pure | what to answer a machine that asks how to boot |
//! | `doctor` | pure | what keeps nodes from booting, from what was seen of this machine |
//! | [`audit`] | pure | who did what, as a hash chain |
//! | [`secrets`] | pure | the passwords of a cloud, and how to redact them from texts |
//! | [`render`] | pure | boot scripts, kickstarts, firstboot payloads |
//! | [`grammar`] | pure | what the installer of each release accepts |
//! | [`import`] | pure | turns an existing kickstart into a role, a layout, packages and hooks |
//! | [`iso9660`] | pure | where in a disc image a file lies |
//! | [`packages`] | pure | what yum repositories have, and what a node needs of them |
//! | `web` | pure | the pages for people: what they say and draw |
//! | `power` | pure | what BMCs are asked, and what their answers mean |
//! | [`wire`] | pure | packets: DHCP, TFTP, router advertisements |
//! | [`timeline`] | pure | the story of a MAC: its lines, repetitions and silences |
//! | `hex` | pure | bytes as hexadecimal digits |
//! | `letters` | pure | which characters nobody can see |
//! | `one_line` | pure | types that are stored and sent as one line of text |
//! | `percent` | pure | text as a part of an address |
//! | `unified` | pure | what differs between two texts, as `diff -u` shows it |
//! | `words` | pure | the word that was probably meant, and how a text is quoted in a message |
//! | [`config`] | text | the site file, with every problem found at once; only `config::load` reads files |
//! | [`failure`] | text | what a verb says when it cannot do its work, and the exit code |
//! | `clock` | I/O | the wall clock, without its jumps |
//! | `own_cards` | I/O | the network cards of the machine that rackstart runs on |
//! | [`media`] | I/O | files of directories and disc images that are served, and the metadata in them |
//! | [`store`] | I/O | the only module that remembers anything |
//! | [`server`] | I/O | sockets, timers and tasks |
//! | [`cli`] | I/O | one file per verb |

pub mod audit;
pub(crate) mod boot;
pub mod cli;
mod clock;
pub mod config;
pub(crate) mod doctor;
pub mod failure;
pub mod grammar;
mod hex;
pub mod import;
pub mod iso9660;
mod letters;
pub mod lifecycle;
pub(crate) mod media;
pub(crate) mod mirror;
mod one_line;
mod own_cards;
pub mod packages;
mod percent;
pub mod plan;
pub(crate) mod power;
pub mod render;
pub mod secrets;
pub mod server;
mod shares;
pub mod site;
pub mod store;
pub mod timeline;
mod unified;
pub(crate) mod web;
pub mod wire;
mod words;
