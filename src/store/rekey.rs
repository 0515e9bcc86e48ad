//! Changes the key that seals the secrets: every secret is opened with the former key and sealed with the new one, in
//! one transaction with its line in the audit log. If the key is lost, it makes all secrets anew instead.

use std::collections::BTreeMap;

use super::Store;
use super::seal::Seal;
use super::secret_rows::{SecretRow, SecretWrite};
use super::secrets::{Kept, Origin, SecretsError, Vault, generate};
use crate::audit::Order;
use crate::clock::unix_now;
use crate::site::Blueprint;

impl Store {
    /// Seals all secrets anew and returns their number. If a single one does not open, nothing is changed.
    pub(crate) async fn rekey(&self, former: &[u8], new: &[u8], order: Order) -> Result<usize, SecretsError> {
        let _alone = self.secrets_change.lock().await;
        let stored = self.stored_secrets().await?;
        if stored.seal_is_damaged {
            return Err(SecretsError::DamagedSeal);
        }
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
        self.write_secrets(SecretWrite { rows, seal: Some(record), forgets: false }, vec![order]).await?;
        self.hold(Vault::new(kept, Some(seal)));
        Ok(number)
    }

    /// Makes every secret of a blueprint anew, sealed with `key` if there is one, and forgets all that was stored: the
    /// way out when the key is lost. It is refused as long as everything can be read.
    pub(crate) async fn renew_secrets(
        &self,
        key: Option<&[u8]>,
        blueprint: &Blueprint,
        order: Order,
    ) -> Result<(), SecretsError> {
        let _alone = self.secrets_change.lock().await;
        if self.stored_secrets().await?.opens_with(key) {
            return Err(SecretsError::NotLost);
        }
        let (seal, record) = key.map(Seal::first).transpose().map_err(|_| SecretsError::WrongKey)?.unzip();
        let new = || Kept { value: generate(), previous: None, origin: Origin::Generated, changed: unix_now() };
        let kept: BTreeMap<String, Kept> = blueprint.secrets.keys().map(|name| (name.clone(), new())).collect();
        let rows = kept.iter().map(|(name, kept)| SecretRow::of(name, kept, seal.as_ref()));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        self.write_secrets(SecretWrite { rows, seal: record, forgets: true }, vec![order]).await?;
        self.hold(Vault::new(kept, seal));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Actor;
    use crate::site::SecretSpec;
    use crate::site::testing::paper_site;
    use crate::store::AuditFilter;
    use crate::store::tests::close;

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
        assert_eq!(
            store.rekey(FORMER, NEW, order()).await,
            Ok(blueprint.secrets.len() + 1),
            "and that of newer payloads"
        );
        assert_eq!(value(&store), before);
        // A secret that is made afterwards is sealed with the new key, too.
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

    #[tokio::test]
    async fn a_lost_key_costs_the_secrets_and_nothing_else_and_only_when_it_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let blueprint = with_three_secrets();
        let (store, task) = Store::open(&path).await.unwrap();
        store.open_secrets(Some(FORMER), &blueprint).await.unwrap();
        let value = |store: &Store| store.kept_secret("OS_PASSWORD").map(|kept| kept.value.reveal().to_string());
        let before = value(&store);
        assert_eq!(store.renew_secrets(Some(FORMER), &blueprint, order()).await, Err(SecretsError::NotLost));
        assert_eq!(value(&store), before);
        close(store, task).await;
        for key in [Some(NEW), None, Some(FORMER)] {
            let (store, task) = Store::open(&path).await.unwrap();
            if key != Some(FORMER) {
                assert!(store.open_secrets(key, &blueprint).await.is_err(), "it is sealed with another one");
                store.renew_secrets(key, &blueprint, order()).await.unwrap();
            }
            store.open_secrets(key, &blueprint).await.unwrap();
            assert!(value(&store).is_some() && value(&store) != before);
            assert_eq!(store.are_secrets_sealed().await, Ok(key.is_some()));
            close(store, task).await;
        }
    }

    #[tokio::test]
    async fn a_damaged_secret_is_given_a_value_again_and_the_others_keep_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let blueprint = with_three_secrets();
        for key in [None, Some(FORMER)] {
            let (store, task) = Store::open(&path).await.unwrap();
            store.open_secrets(key, &blueprint).await.unwrap();
            let third = store.kept_secret("THIRD").unwrap().value.reveal().to_string();
            close(store, task).await;
            damage(&path, "UPDATE secret SET value = x'ff00' WHERE name = 'OS_PASSWORD'").await;
            let (store, task) = Store::open(&path).await.unwrap();
            store.open_secrets(key, &blueprint).await.unwrap();
            assert_eq!(store.damaged_secrets(), ["OS_PASSWORD".to_string()].into());
            assert!(
                store.is_damaged("OS_PASSWORD") && store.kept_secret("OS_PASSWORD").is_none(),
                "nothing is made up"
            );
            store.change_secrets(&blueprint, vec![("OS_PASSWORD".into(), None)], vec![]).await.unwrap();
            assert!(!store.is_damaged("OS_PASSWORD"));
            close(store, task).await;
            let (store, task) = Store::open(&path).await.unwrap();
            store.open_secrets(key, &blueprint).await.unwrap();
            assert_eq!(store.kept_secret("THIRD").unwrap().value.reveal(), third);
            close(store, task).await;
        }
        damage(&path, "UPDATE meta SET value = '{' WHERE name = 'seal'").await;
        let (store, _task) = Store::open(&path).await.unwrap();
        assert_eq!(store.open_secrets(Some(FORMER), &blueprint).await, Err(SecretsError::DamagedSeal));
        assert_eq!(store.open_secrets(None, &blueprint).await, Err(SecretsError::DamagedSeal));
        assert_eq!(store.rekey(FORMER, NEW, order()).await, Err(SecretsError::DamagedSeal));
        store.renew_secrets(Some(NEW), &blueprint, order()).await.unwrap();
        store.open_secrets(Some(NEW), &blueprint).await.unwrap();
    }

    async fn damage(path: &std::path::Path, sql: &'static str) {
        use sqlx::{ConnectOptions, Connection};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path.join("rackstart.sqlite"));
        let mut connection = options.connect().await.unwrap();
        assert_eq!(sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected(), 1);
        connection.close().await.unwrap();
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
