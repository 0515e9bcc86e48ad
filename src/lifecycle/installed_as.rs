//! What a node was installed as. Editing the site file changes what the next installation makes, never what is on the
//! disks. Every guard therefore goes by this record, and people are told where it differs from the file.

use serde::{Deserialize, Serialize};

use crate::site::{Node, Site, holds_copy};

/// The node's entry in the site file at the time its installer was booted, as far as guards or people need it later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledAs {
    /// Its host name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// The name of its layout.
    pub layout: String,
    /// The mount points of its file systems, sorted.
    pub mounts: Vec<String>,
    /// The mount point of the file system that holds a copy of shared data; none when it holds none.
    #[serde(alias = "brick")]
    pub copy: Option<String>,
}

impl InstalledAs {
    /// What an installation of this node would make now.
    pub fn of(site: &Site, node: &Node) -> Self {
        let mut mounts: Vec<String> = node.layout.mount_points().map(String::from).collect();
        mounts.sort();
        Self {
            name: node.name.to_string(),
            role: node.role.clone(),
            layout: node.layout.name.clone(),
            mounts,
            copy: holds_copy(site, node).map(String::from),
        }
    }

    /// How the site file has come to differ, in prose; none when it does not.
    pub(crate) fn differs(&self, site: &Site, node: &Node) -> Option<String> {
        let Self { name, role, layout, mounts, copy: was } = self;
        let noun = site.blueprint.copies.as_ref().map_or("copy", |copies| copies.of.as_str());
        let words = |copy: Option<&str>| copy.map_or(format!("no {noun}"), |at| format!("a {noun} at {at}"));
        let is = holds_copy(site, node);
        let (installed, file) = match () {
            () if *role != node.role => (format!("as {role}"), node.role.clone()),
            () if *layout != node.layout.name => {
                (format!("with the layout {layout}"), format!("the layout {}", node.layout.name))
            }
            () if !has_mounts(node, mounts) => {
                (format!("with file systems at {}", mounts.join(", ")), Self::of(site, node).mounts.join(", "))
            }
            () if was.as_deref() != is => (format!("with {}", words(was.as_deref())), words(is)),
            () if *name != node.name.as_str() => (format!("as {name}"), node.name.to_string()),
            () => return None,
        };
        Some(format!("installed {installed}, the file says {file}"))
    }
}

fn has_mounts(node: &Node, mounts: &[String]) -> bool {
    let now = || node.layout.mount_points();
    now().count() == mounts.len() && now().all(|mount| mounts.iter().any(|known| known == mount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::testing::paper_site;

    #[test]
    fn what_the_file_says_otherwise_is_told_with_the_weightiest_first() {
        let site = paper_site();
        let node = site.node_by_name("compute2").unwrap();
        let installed = InstalledAs::of(&site, node);
        assert_eq!(installed.copy.as_deref(), Some("/export/gluster"));
        assert_eq!(installed.differs(&site, node), None);
        let edited = |edit: fn(&mut Node)| {
            let mut node = node.clone();
            edit(&mut node);
            installed.differs(&site, &node).unwrap()
        };
        let said = edited(|node| {
            (node.role, node.layout.name) = ("controller".into(), "other".into());
        });
        assert_eq!(said, "installed as compute, the file says controller");
        let said = edited(|node| node.layout.name = "other".into());
        assert_eq!(said, "installed with the layout paper, the file says the layout other");
        let said = edited(|node| node.layout.volume_groups.clear());
        assert!(said.starts_with("installed with file systems at /, ") && said.contains("the file says "), "{said}");
        let said = edited(|node| node.layout.volume_groups[0].logical_volumes[2].mount = Some("/srv".into()));
        let (was, is) = ("/, /boot, /export/gluster, /home", "/, /boot, /export/gluster, /srv");
        assert_eq!(said, format!("installed with file systems at {was}, the file says {is}"));
        let said = edited(|node| node.name = "compute9".parse().unwrap());
        assert_eq!(said, "installed as compute2, the file says compute9");
        let mut without = site.clone();
        without.blueprint.variables.remove("brick_mount");
        let said = installed.differs(&without, node).unwrap();
        assert_eq!(said, "installed with a brick at /export/gluster, the file says no brick");
    }
}
