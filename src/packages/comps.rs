//! `comps.xml`: the groups of packages that a kickstart names with `@`.

use std::collections::BTreeSet;
use std::io::BufRead;

use quick_xml::events::Event;

use super::pieces::Pieces;
use super::{Damaged, Metadata};

/// The largest list of groups that is read, in bytes as text: real ones have at most a few MiB.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn read(text: impl BufRead, metadata: &mut Metadata) -> Result<(), Damaged> {
    let mut pieces = Pieces::of(text, MAX_BYTES);
    // Tags from the outermost one inwards: `id` and `name` count only directly below a group, and not in other
    // languages.
    let mut open: Vec<String> = Vec::new();
    let mut is_translation = false;
    let mut is_comps = false;
    let mut groups = BTreeSet::new();
    loop {
        match pieces.next()? {
            Event::Start(start) => {
                is_translation = start.attributes().flatten().any(|attribute| attribute.key.as_ref() == "xml:lang");
                open.push(start.local_name().as_ref().to_string());
                is_comps |= open.len() == 1 && open[0] == "comps";
            }
            Event::Text(content) => {
                if let [.., above, tag] = open.as_slice()
                    && matches!(above.as_str(), "group" | "environment")
                    && (tag == "id" || (tag == "name" && !is_translation))
                {
                    groups.insert(content.xml10_content().trim().to_string());
                }
            }
            Event::End(_) => drop(open.pop()),
            Event::Eof => break,
            _ => {}
        }
    }
    if !is_comps {
        return Err(Damaged("it is not a list of groups".into()));
    }
    metadata.groups.get_or_insert_default().extend(groups);
    Ok(())
}
