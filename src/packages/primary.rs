//! `primary.xml`: every package of a repository with its version and what it provides.

use std::collections::BTreeSet;
use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};

use super::pieces::{Pieces, append};
use super::{Damaged, Metadata, Names, Version};

/// The largest list of packages that is read, in bytes as text: real ones have some hundred MiB at most.
pub(super) const MAX_BYTES: u64 = 2 << 30;

/// Where the reader is inside a package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Elsewhere,
    Name,
    Arch,
    Provides,
}

pub(super) fn read(text: impl BufRead, names: &Names, metadata: &mut Metadata) -> Result<(), Damaged> {
    let mut pieces = Pieces::of(text, MAX_BYTES);
    let (mut name, mut arch, mut version) = (String::new(), String::new(), Version::default());
    let mut provided: BTreeSet<String> = BTreeSet::new();
    let mut place = Position::Elsewhere;
    let (mut is_list, mut is_elsewhere) = (false, false);
    loop {
        match pieces.next()? {
            Event::Start(start) => match start.local_name().as_ref() {
                "metadata" => is_list = true,
                "package" => {
                    name.clear();
                    arch.clear();
                    provided.clear();
                    is_elsewhere = false;
                    version = Version::default();
                }
                "name" => place = Position::Name,
                "arch" => place = Position::Arch,
                "provides" => place = Position::Provides,
                "version" => version = version_of(&start),
                _ => {}
            },
            Event::Empty(start) => match start.local_name().as_ref() {
                "version" => version = version_of(&start),
                // A set of discs has one list for all of them; this is the first disc.
                "location" => {
                    let base = attribute(&start, "xml:base").unwrap_or_default();
                    is_elsewhere = base.starts_with("media:") && !base.ends_with("#1");
                }
                "entry" if place == Position::Provides => {
                    let entry = attribute(&start, "name");
                    provided.extend(entry.filter(|entry| names.contains(entry)));
                }
                _ => {}
            },
            Event::Text(content) => match place {
                Position::Name => append(&mut name, &content.xml10_content())?,
                Position::Arch => append(&mut arch, &content.xml10_content())?,
                _ => {}
            },
            Event::End(end) => match end.local_name().as_ref() {
                "package" => {
                    metadata.count += 1;
                    if arch == "src" || arch == "nosrc" || is_elsewhere {
                        continue;
                    }
                    if names.contains(&name) {
                        let known = metadata.packages.entry(name.clone()).or_default();
                        if *known < version {
                            *known = std::mem::take(&mut version);
                        }
                    }
                    metadata.provided.append(&mut provided);
                }
                "name" | "arch" | "provides" => place = Position::Elsewhere,
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    if is_list { Ok(()) } else { Err(Damaged("it is not a list of packages".into())) }
}

fn version_of(start: &BytesStart<'_>) -> Version {
    let text = |name| attribute(start, name).unwrap_or_default();
    Version::new(&text("epoch"), &text("ver"), &text("rel"))
}

pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.try_get_attribute(name).ok().flatten()?;
    attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
}
