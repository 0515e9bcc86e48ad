//! `[[user]]`, and the keys `packages`, `services` and `services_off` of `[site]` and of each role.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::problem::Problem;
use super::reader::{Collector, Section};
use super::site_file::SiteFile;
use super::text;
use crate::site::{Blueprint, Software, User};
use crate::words::quote;

/// Accounts that the system itself creates.
const TAKEN: [&str; 28] = [
    "root",
    "bin",
    "daemon",
    "adm",
    "lp",
    "sync",
    "shutdown",
    "halt",
    "mail",
    "uucp",
    "operator",
    "games",
    "gopher",
    "ftp",
    "nobody",
    "dbus",
    "sshd",
    "rpc",
    "rpcuser",
    "nfsnobody",
    "vcsa",
    "saslauth",
    "postfix",
    "ntp",
    "chrony",
    "tcpdump",
    "polkitd",
    "tss",
];
/// Packages that the last part of the installer and firstboot cannot do without.
const NEEDED_PACKAGES: [&str; 6] = ["bash", "curl", "lvm2", "openssh-server", "policycoreutils", "tar"];
const NEEDED_SERVICES: [&str; 3] = ["network", "NetworkManager", "sshd"];
/// The keys that `software` reads.
pub(super) const SOFTWARE: [&str; 3] = ["packages", "services", "services_off"];

/// Every `[[user]]`, or none when one of them has a mistake; and where each is named, as far as its name is valid.
pub(super) type Users<'a> = (Option<Vec<User>>, Vec<Spanned<&'a str>>);

/// Reads every `[[user]]`.
pub(super) fn read_users<'a>(top: &Section<'a>) -> Users<'a> {
    let tables = top.tables("user", "`[[user]]` with two brackets");
    let users: Vec<_> = tables.into_iter().map(|(at, table)| read_user(at, table, top.found)).collect();
    for (index, (name, _)) in users.iter().enumerate() {
        let Some(name) = name else { continue };
        let first = users[..index].iter().filter_map(|(name, _)| name.as_ref()).find(|n| n.get_ref() == name.get_ref());
        if let Some(first) = first {
            let message = format!("two users have the name {}", quote(name.get_ref()));
            let problem = Problem::new(name.span(), message, "keep one of them, with the keys of both");
            top.found.add(problem.also(first.span(), "first used here"));
        }
    }
    let names = users.iter().filter_map(|(name, _)| name.clone()).collect();
    (users.into_iter().map(|(_, user)| user).collect(), names)
}

fn read_user<'a>(
    at: Range<usize>,
    table: &'a DeTable<'a>,
    found: &'a Collector,
) -> (Option<Spanned<&'a str>>, Option<User>) {
    let place = match table.get("name").and_then(|name| name.get_ref().as_str()) {
        Some(name) => format!("user {}", quote(name)),
        None => "a user".into(),
    };
    let section = Section::open(place, at, table, &["name", "groups", "password_hash", "ssh_keys"], found);
    section.need("name", "name = \"admin\"");
    let name = section.text("name").filter(|name| {
        let taken = TAKEN.contains(name.get_ref());
        if taken {
            let message = format!("{} is an account that the system creates itself", section.place);
            let help = match *name.get_ref() {
                "root" => "root's keys and password hash are keys of `[access]`",
                _ => "choose another name, such as `admin`",
            };
            found.report(name.span(), message, help);
        } else if !is_account(name.get_ref()) {
            let message = format!("{} is not a name for an account", quote(name.get_ref()));
            let help = "use up to 31 lower-case letters, digits, hyphens and underscores, beginning with a letter";
            found.report(name.span(), message, help);
        }
        !taken && is_account(name.get_ref())
    });
    let groups = section.texts("groups");
    for group in groups.iter().filter(|group| !is_account(group.get_ref())) {
        let message = format!("{}: {} is not a name for a group", section.place, quote(group.get_ref()));
        found.report(group.span(), message, "use lower-case letters, digits, hyphens and underscores, such as `wheel`");
    }
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_string).collect();
    let password_hash = text::password_hash(&section, "password_hash").map(str::to_string);
    let ssh_keys = owned(text::ssh_keys(&section));
    let user = name.as_ref().map(|name| User {
        name: name.get_ref().to_string(),
        groups: groups.iter().map(|group| group.get_ref().to_string()).collect(),
        password_hash,
        ssh_keys,
    });
    (name, user)
}

/// Reports users that have the name of an account which the blueprint's packages create.
pub(super) fn check_accounts(file: &SiteFile<'_>, blueprint: &Blueprint, found: &Collector) {
    for name in &file.user_names {
        if blueprint.accounts.iter().any(|account| account == name.get_ref()) {
            let user = quote(name.get_ref());
            let message = format!("user {user} is an account that packages of blueprint `{}` make", blueprint.name);
            found.report(name.span(), message, "choose another name, such as `admin`");
        }
    }
}

/// The names that useradd(8) of shadow-utils accepts; some tools truncate names of 32 characters.
fn is_account(name: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter);
    (1..=31).contains(&name.len()) && name.chars().all(letters) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Reads what is installed and started in addition to what rackstart needs.
pub(super) fn software(section: &Section<'_>) -> Software {
    let found = section.found;
    let packages = section.texts("packages");
    for package in &packages {
        let name = *package.get_ref();
        if let Some(needed) = name.strip_prefix('-').filter(|bare| NEEDED_PACKAGES.contains(bare)) {
            let message =
                format!("{} removes the package `{needed}`, which rackstart needs on every node", section.place);
            found.report(package.span(), message, "remove it from the list");
        } else if !is_package(name) {
            let message = format!("{}: {} is not a package or a group of packages", section.place, quote(name));
            found.report(package.span(), message, "write `tmux`, `@development`, or `-plymouth` to take one out");
        }
    }
    let (on, off) = (section.texts("services"), section.texts("services_off"));
    for service in on.iter().chain(&off).filter(|service| !is_service(service.get_ref())) {
        let message = format!("{}: {} is not the name of a service", section.place, quote(service.get_ref()));
        found.report(service.span(), message, "write it as `chkconfig --list` or `systemctl` does, such as `snmpd`");
    }
    for service in &off {
        let name = service.get_ref();
        if let Some(also) = on.iter().find(|other| other.get_ref() == name) {
            let message = format!("{} starts the service {} and does not", section.place, quote(name));
            found.add(Problem::new(service.span(), message, "keep it in one list").also(also.span(), "started here"));
        } else if NEEDED_SERVICES.contains(name) {
            let message = format!("{} switches off `{name}`, without which no node can be reached", section.place);
            found.report(service.span(), message, "remove it from the list");
        }
    }
    let owned = |texts: &[Spanned<&str>]| texts.iter().map(|text| text.get_ref().to_string()).collect();
    Software { packages: owned(&packages), services: owned(&on), services_off: owned(&off) }
}

fn is_package(text: &str) -> bool {
    let bare = text.strip_prefix('-').unwrap_or(text);
    let bare = bare.strip_prefix("@^").or_else(|| bare.strip_prefix('@')).unwrap_or(bare);
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "._+-".contains(letter);
    (1..=128).contains(&bare.len())
        && bare.chars().all(letters)
        && bare.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_service(name: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "._-@".contains(letter);
    (1..=128).contains(&name.len())
        && name.chars().all(letters)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}
