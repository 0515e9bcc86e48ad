//! A bootable container: in image mode a node is one, instead of packages.

use std::path::PathBuf;

/// Where the container comes from, and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Container {
    /// Its name in the site file.
    pub name: String,
    /// Registry, repository and tag or digest: `registry.example.com/web/el9:42`.
    pub image: String,
    /// The public key of its signature (sigstore, PEM); none when the site file says that the signature is not checked.
    pub signed_by: Option<KeyFile>,
    /// The authority that signed the registry's certificate, where the installer does not know it.
    pub authority: Option<KeyFile>,
    /// The account at the registry; its password is a secret of the store.
    pub user: Option<String>,
    /// The ostree state root; that of the installer when none is named.
    pub stateroot: Option<String>,
    /// The ostree remote; that of the installer when none is named.
    pub remote: Option<String>,
}

/// A text file of keys or certificates on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its lines; none while it cannot be read.
    pub lines: Vec<String>,
}

impl Container {
    /// The first release whose installer has `ostreecontainer`: major and minor.
    pub const FIRST_RELEASE: (u8, u8) = (9, 4);

    /// Whether it is registry, repository, and a tag or a digest.
    pub fn is_image(text: &str) -> bool {
        let only = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        let Some((registry, rest)) = text.split_once('/') else { return false };
        let (host, port) = registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
        let is_host = only(host, ".-") && !host.starts_with(['.', '-']) && (host.contains('.') || port.is_some());
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
        let (named, digest) = rest.split_once('@').map_or((rest, None), |(named, digest)| (named, Some(digest)));
        let (path, tag) = named.split_once(':').map_or((named, None), |(path, tag)| (path, Some(tag)));
        let part = |part: &str| {
            let letters = only(part, "._-") && !part.chars().any(|letter| letter.is_ascii_uppercase());
            letters && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        let is_tag =
            tag.is_none_or(|tag| (1..=128).contains(&tag.len()) && only(tag, "._-") && !tag.starts_with(['.', '-']));
        let is_digest = digest.is_none_or(|digest| {
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        let versioned = tag.is_some() || digest.is_some();
        text.len() <= 400 && is_host && is_port && path.split('/').all(part) && is_tag && is_digest && versioned
    }

    /// The registry: host and maybe port.
    pub fn registry(&self) -> &str {
        self.image.split('/').next().unwrap_or_default()
    }

    /// The image without its tag and digest.
    pub fn repository(&self) -> &str {
        let bare = self.image.split('@').next().unwrap_or_default();
        match bare.rsplit_once(':') {
            // A colon before the last slash is that of a port.
            Some((repository, tag)) if !tag.contains('/') => repository,
            _ => bare,
        }
    }

    /// The name of the secret that holds the password of its account.
    pub fn password(&self) -> String {
        let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
        format!("REGISTRY_PASSWORD_{}", self.name.chars().map(letter).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_and_repository_are_parts_of_the_image() {
        for (image, registry, repository) in [
            ("registry.example.com/web/el9:42", "registry.example.com", "registry.example.com/web/el9"),
            ("r.example:5000/web", "r.example:5000", "r.example:5000/web"),
            ("r.example:5000/web:1@sha256:ab", "r.example:5000", "r.example:5000/web"),
        ] {
            let container = Container {
                name: "web.el-9".into(),
                image: image.into(),
                signed_by: None,
                authority: None,
                user: None,
                stateroot: None,
                remote: None,
            };
            assert_eq!((container.registry(), container.repository()), (registry, repository));
            assert_eq!(container.password(), "REGISTRY_PASSWORD_WEB_EL_9");
        }
    }
}
