//! Which files a copy of an install tree or of a yum repository consists of. Pure: texts come from wherever they are
//! kept, a web server or a folder, and whoever asked opens the files.

mod treeinfo;

use crate::packages::{Checksum, PackageFile, Part};

pub(crate) use treeinfo::of_treeinfo;

/// The file in which an install tree says what it is.
pub(crate) const TREEINFO: &str = ".treeinfo";
/// The index of a repository, below its folder.
pub(crate) const INDEX: &str = "repodata/repomd.xml";

/// A file of a tree or a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its path below the tree; it never leads outside.
    pub path: String,
    /// Its length in bytes, where something says it.
    pub size: Option<u64>,
    /// What it must have; none where nothing says it.
    pub checksum: Option<Checksum>,
    /// Whether a tree without it is whole all the same.
    pub is_optional: bool,
}

impl Piece {
    /// A file of which only the path is known.
    pub(crate) fn unproved(path: impl Into<String>) -> Self {
        Self { path: path.into(), size: None, checksum: None, is_optional: false }
    }

    /// A file of a repository's metadata.
    pub(crate) fn of_part(folder: &str, part: &Part) -> Self {
        let (size, checksum) = (part.size, Some(part.checksum.clone()));
        Self { path: below(folder, &part.path), size, checksum, is_optional: false }
    }

    /// A package of a repository.
    pub(crate) fn of_package(folder: &str, file: PackageFile) -> Self {
        let (size, checksum) = (Some(file.size), Some(file.checksum));
        Self { path: below(folder, &file.path), size, checksum, is_optional: false }
    }
}

/// A path below a folder of a tree; the tree itself is an empty string.
pub(crate) fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_string() } else { format!("{folder}/{path}") }
}

/// Whether a text is the address of a folder on a web server: of HTTP or HTTPS, with a host, without account, query and
/// fragment.
pub(crate) fn is_address(text: &str) -> bool {
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme)) else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    !host.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#\"<>\\^`{|}".contains(&byte))
}

/// The address of a file below the address of a tree: letters that have a meaning in addresses are escaped.
pub(crate) fn address(tree: &str, path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~+".contains(byte);
    let letters =
        path.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    format!("{}/{}", tree.trim_end_matches('/'), letters.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_no_account() {
        for good in
            ["http://a", "https://mirror.example:8443/9/BaseOS/x86_64/os/", "http://[fd00::1]/x", "http://a/b%20c"]
        {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "ftp://a/b",
            "https://",
            "https:///x",
            "http://user@a/",
            "http://a/?b",
            "http://a b/",
            "http://ä/",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_is_the_tree_and_the_escaped_path() {
        let tree = "https://mirror.example/9/BaseOS/x86_64/os/";
        assert_eq!(address(tree, "Packages/g/gtk+-1.2~3.rpm"), format!("{tree}Packages/g/gtk+-1.2~3.rpm"));
        assert_eq!(address("http://a", "b c?d#e%41^ü"), "http://a/b%20c%3Fd%23e%2541%5E%C3%BC");
    }
}
