//! Changes the key that seals the secrets: every one is opened with the former key and sealed with the new one, in one
//! transaction with its line in the audit log.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::seal::Seal;
use super::secrets::{SecretRow, SecretsError, Vault};
use super::{ChangeError, Command, Store};
use crate::audit::Order;

impl Store {
    /// Seals all secrets anew and returns how many. Nothing is changed when a single one does not open.
    pub async fn rekey(&self, former: &[u8], new: &[u8], order: Order) -> Result<usize, SecretsError> {
        let _alone = self.secrets_change.lock().await;
        let (reply, answer) = oneshot::channel();
        self.tell(Command::SecretRows { reply }).await?;
        let stored = answer.await.map_err(|_| ChangeError::Stopped)?;
        let record = stored.seal.ok_or(SecretsError::NotSealed)?;
        if Seal::again(new, &record).is_ok() {
            return Err(SecretsError::SameKey);
        }
        let former = Seal::again(former, &record).map_err(|_| SecretsError::WrongFormerKey)?;
        let open = |row: &SecretRow| Ok((row.name.clone(), row.open(Some(&former))?));
        let kept = stored.rows.iter().map(open).collect::<Result<BTreeMap<_, _>, SecretsError>>()?;
        let (seal, record) = Seal::first(new).map_err(|_| SecretsError::WrongKey)?;
        let rows = kept.iter().map(|(name, kept)| SecretRow::of(name, kept, Some(&seal)));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let number = rows.len();
        self.write_secrets(rows, Some(record), Some(vec![order])).await?;
        *self.vault.write().expect("no holder of this lock panics") = Vault::new(kept, Some(seal));
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Actor;
    use crate::site::testing::paper_site;
    use crate::site::{Blueprint, SecretSpec};
    use crate::store::AuditFilter;

    const FORMER: &[u8] = b"the former key of the site";
    const NEW: &[u8] = b"the new key of this same site";

    fn order() -> Order {
        Order::new(&Actor::console(0), "rekey-secrets", "store")
    }

    fn with_three_secrets() -> Blueprint {
        let mut blueprint = paper_site().blueprint;
        for name in ["OS_PASSWORD", "QPID_PASSWORD", "THIRD"] {
            let spec = SecretSpec { targets: vec!["all".into()], paper: None, steps: vec![] };
            blueprint.secrets.insert(name.into(), spec);
        }
        blueprint
    }

    #[tokio::test]
    async fn secrets_keep_their_values_under_another_key_and_the_former_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let blueprint = with_three_secrets();
        let (store, task) = Store::open(&path).await.unwrap();
        store.open_secrets(None, &blueprint).await.unwrap();
        assert_eq!(store.rekey(FORMER, NEW, order()).await, Err(SecretsError::NotSealed));
        store.open_secrets(Some(FORMER), &blueprint).await.unwrap();
        store.change_secrets(&blueprint, vec![("OS_PASSWORD".into(), None)], vec![]).await.unwrap();
        let value = |store: &Store| {
            let kept = store.kept_secret("OS_PASSWORD").unwrap();
            [Some(kept.value), kept.previous].map(|value| value.unwrap().reveal().to_string())
        };
        let before = value(&store);
        assert_eq!(store.rekey(b"no key of this store at all", NEW, order()).await, Err(SecretsError::WrongFormerKey));
        assert_eq!(store.rekey(FORMER, FORMER, order()).await, Err(SecretsError::SameKey));
        assert_eq!(store.rekey(FORMER, NEW, order()).await, Ok(blueprint.secrets.len()));
        assert_eq!(value(&store), before);
        // What is made afterwards is sealed with the new one, too.
        store.change_secrets(&blueprint, vec![("QPID_PASSWORD".into(), None)], vec![]).await.unwrap();
        drop(store);
        task.await.unwrap().unwrap();

        let (store, _task) = Store::open(&path).await.unwrap();
        assert_eq!(store.open_secrets(Some(FORMER), &blueprint).await, Err(SecretsError::WrongKey));
        store.open_secrets(Some(NEW), &blueprint).await.unwrap();
        assert_eq!(value(&store), before);
        let lines = store.audit_lines(AuditFilter::default()).await.unwrap();
        assert_eq!(lines.iter().filter(|line| line.action == "rekey-secrets").count(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_changes_at_once_do_not_undo_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let blueprint = with_three_secrets();
        let (store, _task) = Store::open(folder.path().join("state").as_path()).await.unwrap();
        store.open_secrets(None, &blueprint).await.unwrap();
        let value = |name: &str| store.kept_secret(name).unwrap().value.reveal().to_string();
        for _ in 0..30 {
            let before = ["OS_PASSWORD", "QPID_PASSWORD"].map(value);
            let change = |name: &str| store.change_secrets(&blueprint, vec![(name.into(), None)], vec![]);
            let (one, two) = tokio::join!(change("OS_PASSWORD"), change("QPID_PASSWORD"));
            one.unwrap();
            two.unwrap();
            let after = ["OS_PASSWORD", "QPID_PASSWORD"].map(value);
            assert!(before[0] != after[0] && before[1] != after[1], "one change undid the other");
        }
    }
}
