//! Values for the kickstart of a node in image mode: the image, and which signatures the installer must check.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;

use crate::secrets::{MASK, SecretValue};
use crate::site::{Container, KeyFile};

/// Where the key of the signature lies in the installer.
const KEY: &str = "/etc/pki/containers/rackstart.pub";

/// The container of a node, for templates.
#[derive(Debug, Serialize)]
pub struct ContainerValues<'a> {
    image: &'a str,
    registry: &'a str,
    stateroot: Option<&'a str>,
    remote: Option<&'a str>,
    /// Whether its signature is not checked, as the site file says.
    unchecked: bool,
    /// Whether the registry asks for a login.
    has_login: bool,
    key_file: &'static str,
    key: &'a [String],
    authority: &'a [String],
    /// `policy.json` of the installer (containers-policy.json(5)): this repository by this key, and nothing else.
    policy: String,
    /// A file of `registries.d` (containers-registries.d(5)): the signatures lie beside the image.
    signatures: String,
}

impl<'a> ContainerValues<'a> {
    /// Collects the values for one container.
    pub fn new(container: &'a Container) -> Self {
        let lines = |file: &'a Option<KeyFile>| file.as_ref().map_or(&[][..], |file| &file.lines);
        let repository = container.repository();
        // Signatures of sigstore name the repository, not the tag.
        let rule = json!([{
            "type": "sigstoreSigned", "keyPath": KEY, "signedIdentity": { "type": "matchRepository" },
        }]);
        let policy = json!({ "default": [{ "type": "reject" }], "transports": { "docker": { repository: rule } } });
        Self {
            image: &container.image,
            registry: container.registry(),
            stateroot: container.stateroot.as_deref(),
            remote: container.remote.as_deref(),
            unchecked: container.signed_by.is_none(),
            has_login: container.user.is_some(),
            key_file: KEY,
            key: lines(&container.signed_by),
            authority: lines(&container.authority),
            policy: policy.to_string(),
            signatures: json!({ "docker": { repository: { "use-sigstore-attachments": true } } }).to_string(),
        }
    }
}

/// The login of a container's account for people, without its password; none when it has no account.
pub fn masked_login(container: &Container) -> Option<String> {
    container.user.as_deref().map(|_| auth_file(container.registry(), MASK))
}

/// `auth.json` (containers-auth.json(5)) with the login to the registry; none when the container has no account.
pub fn login(container: &Container, password: &SecretValue) -> Option<String> {
    let user = container.user.as_deref()?;
    let basic = zeroize::Zeroizing::new(format!("{user}:{}", password.reveal()));
    Some(auth_file(container.registry(), &STANDARD.encode(basic.as_bytes())))
}

fn auth_file(registry: &str, auth: &str) -> String {
    json!({ "auths": { registry: { "auth": auth } } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_what_registries_ask_for_and_shows_itself_to_nobody() {
        let container = crate::site::testing::container();
        let password = SecretValue::new("correct horse".into()).unwrap();
        // printf robot:'correct horse' | base64
        let expected = r#"{"auths":{"r.example:5000":{"auth":"cm9ib3Q6Y29ycmVjdCBob3JzZQ=="}}}"#;
        assert_eq!(login(&container, &password).unwrap(), expected);
        assert_eq!(masked_login(&container).unwrap(), r#"{"auths":{"r.example:5000":{"auth":"***"}}}"#);
        assert_eq!(login(&Container { user: None, ..container }, &password), None);
    }
}
