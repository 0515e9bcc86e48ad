//! The audit log, and copies of the store.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Person, Refusal, secrets};
use crate::audit::{AuditLine, Head};
use crate::site::{Mac, Site};
use crate::store::{AuditFilter, Store};

/// The result of checking the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditVerdict {
    /// The head of the chain.
    pub head: Option<String>,
    /// What is wrong; `None` when the log is intact.
    pub broken: Option<String>,
}

/// Whether the secrets are sealed in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Sealed {
    /// Whether they are sealed; their key is then needed wherever the store is moved.
    pub sealed: bool,
}

/// The newest lines of the audit log that match the filter, oldest first. A node is found by its name and by its MAC,
/// whichever a line has; what concerned all nodes is a part of its history.
pub(crate) async fn audit_lines(site: &Site, store: &Store, filter: AuditFilter) -> Result<Vec<AuditLine>, Refusal> {
    let other = |subject: &String| match subject.parse::<Mac>() {
        Ok(mac) => site.node_by_mac(mac).map(|node| node.name.to_string()),
        Err(_) => site.node_by_name(subject).map(|node| node.mac.to_string()),
    };
    let plain = |subject: String| subject.parse::<Mac>().map_or(subject, |mac| mac.to_string());
    let also = filter.subject.as_ref().and_then(other);
    let filter = AuditFilter { is_node: also.is_some(), also, ..filter };
    Ok(store.audit_lines(AuditFilter { subject: filter.subject.map(plain), ..filter }).await?)
}

/// Checks the audit log, and compares it with a head that the caller has noted elsewhere.
pub(crate) async fn verify_audit(store: &Store, noted: Option<String>) -> Result<AuditVerdict, Refusal> {
    let noted = noted.map(|text| text.parse::<Head>()).transpose().map_err(Refusal::Unreadable)?;
    let known = noted.into_iter().map(|head| (head, "your own note".to_string())).collect();
    Ok(match store.verify_audit(known).await? {
        Ok(verdict) => AuditVerdict { head: Some(verdict.head.to_string()), broken: None },
        Err(broken) => AuditVerdict { head: None, broken: Some(broken.to_string()) },
    })
}

/// Returns whether the secrets are sealed in the store.
pub(crate) async fn sealed(store: &Store) -> Result<Sealed, Refusal> {
    Ok(Sealed { sealed: store.are_secrets_sealed().await? })
}

/// The whole store as the bytes of a file; includes unsealed secrets only if its owner wants that.
pub(crate) async fn backup(store: &Store, person: &Person, with_secrets: bool) -> Result<Vec<u8>, Refusal> {
    let actor = match with_secrets {
        true => secrets::owner(store, person, "backup", "store").await?,
        false => &person.actor,
    };
    let kept = match (with_secrets, store.are_secrets_sealed().await?) {
        (_, true) => "with sealed secrets",
        (true, false) => "with secrets",
        (false, false) => "without secrets",
    };
    store.audit(actor, "backup", "store", kept).await?;
    Ok(store.backup(with_secrets).await?)
}
