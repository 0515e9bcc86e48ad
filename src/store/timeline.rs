//! The timelines on the disk: moments are added in batches and trimmed, and read together with the events of the
//! lifecycle, which are never trimmed.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::site::Mac;
use crate::timeline::{Cursor, Moment, Page};

/// Lines kept of one MAC.
const PER_MAC: u64 = 2000;
/// So many more may gather before a MAC is trimmed, so that not every line costs a deletion.
const SLACK: u64 = 200;
/// Strangers kept: MACs that no state is stored of. The one that was heard of longest ago goes first.
const STRANGERS: usize = 1024;
/// Seconds that a line is kept.
const AGE: u64 = 90 * 86_400;
/// Seconds between two looks for lines that are too old.
const AGE_CHECK: u64 = 3600;

/// What a reader wants to know.
#[derive(Debug, Clone, Copy)]
pub struct TimelineQuery {
    /// Whose story.
    pub mac: Mac,
    /// Nothing before these Unix seconds.
    pub since: u64,
    /// Only what came after this place.
    pub after: Cursor,
    /// The newest so many lines.
    pub limit: u32,
}

/// What is kept of each MAC, so that trimming needs no search.
#[derive(Default)]
pub(super) struct Shelf {
    macs: Option<HashMap<Mac, Kept>>,
    checked: u64,
}

#[derive(Default, Clone, Copy)]
struct Kept {
    lines: u64,
    newest: i64,
}

impl Shelf {
    /// Adds moments within the transaction of `connection`, and makes room. `is_known`: whether a node has the MAC.
    pub(super) async fn add(
        &mut self,
        connection: &mut SqliteConnection,
        moments: &[Moment],
        now: u64,
        is_known: impl Fn(Mac) -> bool,
    ) -> Result<(), sqlx::Error> {
        if self.macs.is_none() {
            self.macs = Some(count(connection).await?);
        }
        let Some(macs) = &mut self.macs else { return Ok(()) };
        for moment in moments {
            let id = insert(connection, moment).await?;
            let kept = macs.entry(moment.mac).or_default();
            (kept.lines, kept.newest) = (kept.lines + 1, id);
        }
        for mac in moments.iter().map(|moment| moment.mac) {
            let Some(kept) = macs.get_mut(&mac).filter(|kept| kept.lines > PER_MAC + SLACK) else { continue };
            kept.lines -= trim(connection, mac).await?;
        }
        if macs.len() > STRANGERS {
            let mut strangers: Vec<(i64, Mac)> =
                macs.iter().filter(|(mac, _)| !is_known(**mac)).map(|(mac, kept)| (kept.newest, *mac)).collect();
            strangers.sort_unstable();
            let surplus = strangers.len().saturating_sub(STRANGERS);
            for (_, mac) in strangers.into_iter().take(surplus) {
                let delete = sqlx::query("DELETE FROM moment WHERE mac = ?").bind(mac.to_string());
                delete.execute(&mut *connection).await?;
                macs.remove(&mac);
            }
        }
        if now >= self.checked + AGE_CHECK {
            self.checked = now;
            let before = i64::try_from(now.saturating_sub(AGE)).unwrap_or(0);
            let gone = sqlx::query("DELETE FROM moment WHERE at < ?").bind(before).execute(&mut *connection).await?;
            if gone.rows_affected() > 0 {
                self.macs = None; // counted anew with the next batch
            }
        }
        Ok(())
    }
}

async fn count(connection: &mut SqliteConnection) -> Result<HashMap<Mac, Kept>, sqlx::Error> {
    let select = "SELECT mac, count(*), max(id) FROM moment GROUP BY mac";
    let rows = sqlx::query(select).fetch_all(connection).await?;
    let kept = |row: &SqliteRow| {
        let (mac, lines): (String, i64) = (row.get(0), row.get(1));
        Some((mac.parse().ok()?, Kept { lines: u64::try_from(lines).ok()?, newest: row.get(2) }))
    };
    Ok(rows.iter().filter_map(kept).collect())
}

async fn insert(connection: &mut SqliteConnection, moment: &Moment) -> Result<i64, sqlx::Error> {
    let insert = "INSERT INTO moment (at, ms, until, mac, source, text, times) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let query = sqlx::query(insert).bind(seconds(moment.at)).bind(moment.ms).bind(seconds(moment.until));
    let query =
        query.bind(moment.mac.to_string()).bind(&moment.source).bind(&moment.text).bind(i64::from(moment.times));
    Ok(query.execute(connection).await?.last_insert_rowid())
}

/// Deletes all but the newest lines of a MAC.
async fn trim(connection: &mut SqliteConnection, mac: Mac) -> Result<u64, sqlx::Error> {
    let delete = "DELETE FROM moment WHERE mac = ?1 AND id <= \
                  (SELECT id FROM moment WHERE mac = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    let offset = i64::try_from(PER_MAC).unwrap_or(i64::MAX);
    Ok(sqlx::query(delete).bind(mac.to_string()).bind(offset).execute(connection).await?.rows_affected())
}

/// The newest lines of a MAC, moments and events together.
pub(super) async fn read(connection: &mut SqliteConnection, query: &TimelineQuery) -> Result<Page, sqlx::Error> {
    let TimelineQuery { mac, since, after, limit } = query;
    let bound = |select: &'static str, after: i64| {
        sqlx::query(select).bind(mac.to_string()).bind(seconds(*since)).bind(after).bind(i64::from(*limit))
    };
    let select = "SELECT id, at, until, source, text, times, ms FROM moment \
                  WHERE mac = ? AND until >= ? AND id > ? ORDER BY id DESC LIMIT ?";
    let seen = bound(select, after.moment).fetch_all(&mut *connection).await?;
    let select = "SELECT id, at, kind, detail, state, ms FROM event \
                  WHERE mac = ? AND at >= ? AND id > ? ORDER BY id DESC LIMIT ?";
    let events = bound(select, after.event).fetch_all(&mut *connection).await?;
    let newest = |rows: &[SqliteRow], after: i64| rows.first().map_or(after, |row| row.get(0));
    let next = Cursor { moment: newest(&seen, after.moment), event: newest(&events, after.event) };
    let at = |row: &SqliteRow, column: usize| u64::try_from(row.get::<i64, _>(column)).unwrap_or(0);
    let seen = seen.iter().rev().map(|row| Moment {
        at: at(row, 1),
        ms: row.get(6),
        until: at(row, 2),
        mac: *mac,
        source: row.get(3),
        text: row.get(4),
        times: u32::try_from(row.get::<i64, _>(5)).unwrap_or(1),
    });
    let events = events.iter().rev().map(|row| {
        let (kind, detail, state): (String, String, String) = (row.get(2), row.get(3), row.get(4));
        let words = if detail.is_empty() { kind } else { format!("{kind}: {detail}") };
        // The log of a script that failed: people want all of it, each line on its own.
        let text = words.replace('\n', " | ");
        Moment {
            at: at(row, 1),
            ms: row.get(5),
            until: at(row, 1),
            mac: *mac,
            source: "node".into(),
            text: format!("{text} [{state}]"),
            times: 1,
        }
    });
    let mut moments: Vec<Moment> = seen.chain(events).collect();
    // Stable: within a millisecond, in the order in which each table has them.
    moments.sort_by_key(|moment| (moment.at, moment.ms));
    let surplus = moments.len().saturating_sub(usize::try_from(*limit).unwrap_or(usize::MAX));
    moments.drain(..surplus);
    Ok(Page { moments, next })
}

fn seconds(at: u64) -> i64 {
    i64::try_from(at).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{AttemptId, Event, WipeScope};
    use crate::store::{Change, Store};

    fn mac(n: u16) -> Mac {
        let [a, b] = n.to_be_bytes();
        Mac([2, 0, 0, 0, a, b])
    }

    fn all(mac: Mac) -> TimelineQuery {
        TimelineQuery { mac, since: 0, after: Cursor::default(), limit: 100_000 }
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&folder.path().join("state")).await.unwrap().0
    }

    #[tokio::test]
    async fn moments_and_events_are_one_story_that_outlives_the_daemon_and_can_be_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (store, task) = Store::open(&folder.path().join("state")).await.unwrap();
        let began = crate::clock::unix_now() - 100;
        let seen = |mac, source: &str, text: &str| Moment::new(began, mac, source, text);
        store.keep(vec![seen(mac(1), "dhcp", "DHCPDISCOVER"), seen(mac(2), "dhcp", "x")]).await;
        let event = Event::Armed { id: AttemptId::from_random([1; 4]), scope: WipeScope::BlankDiskOnly };
        store.change(mac(1), Change::Event { event, mark: None }).await.unwrap();
        drop(store);
        task.await.unwrap().unwrap();
        let store = self::store(&folder).await;
        let page = store.timeline(all(mac(1))).await;
        let told: Vec<(&str, &str)> = page.moments.iter().map(|m| (m.source.as_str(), m.text.as_str())).collect();
        assert_eq!(told[0], ("dhcp", "DHCPDISCOVER"));
        assert_eq!(told[1].0, "node");
        assert!(told[1].1.starts_with("armed: attempt 01010101") && told[1].1.ends_with("[armed]"), "{told:?}");
        assert_eq!(told.len(), 2);
        let after = TimelineQuery { after: page.next, ..all(mac(1)) };
        assert!(store.timeline(after).await.moments.is_empty());
        let late = seen(mac(1), "tftp", "read");
        store.keep(vec![late.clone()]).await;
        assert_eq!(store.timeline(after).await.moments, [late]);
        assert_eq!(store.timeline(TimelineQuery { since: began + 1, ..all(mac(1)) }).await.moments.len(), 1);
        assert_eq!(store.timeline(TimelineQuery { limit: 1, ..all(mac(1)) }).await.moments[0].source, "node");
    }

    #[tokio::test]
    async fn a_mac_keeps_its_newest_lines_and_strangers_are_capped_in_number() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let event = Event::Armed { id: AttemptId::from_random([1; 4]), scope: WipeScope::BlankDiskOnly };
        store.change(mac(1), Change::Event { event, mark: None }).await.unwrap();
        let now = crate::clock::unix_now();
        for batch in 0..10 {
            let lines = (0..250).map(|n| Moment::new(now, mac(1), "dhcp", &(batch * 250 + n).to_string()));
            store.keep(lines.collect()).await;
        }
        let kept = store.timeline(all(mac(1))).await.moments;
        assert!((2000..=2201).contains(&kept.len()), "{}", kept.len());
        assert!(kept.iter().any(|moment| moment.text == "2499"), "the newest stay");
        let strangers = |range: std::ops::Range<u16>| range.map(|n| Moment::new(now, mac(n), "dhcp", "who")).collect();
        store.keep(strangers(100..1000)).await;
        store.keep(strangers(1000..1500)).await;
        assert!(store.timeline(all(mac(100))).await.moments.is_empty(), "the first stranger went");
        assert_eq!(store.timeline(all(mac(1499))).await.moments.len(), 1);
        assert_eq!(store.timeline(all(mac(1))).await.moments.len(), kept.len(), "a node is no stranger");
    }

    #[tokio::test]
    async fn old_lines_go_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        store.keep(vec![Moment::new(5, mac(1), "dhcp", "long ago")]).await;
        assert!(store.timeline(all(mac(1))).await.moments.is_empty(), "the first batch looked for old ones");
    }

    /// The figure that is asked for: a thousand nodes with a hundred lines each, any of them read in under a second.
    #[tokio::test]
    async fn a_timeline_among_a_hundred_thousand_lines_is_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let now = crate::clock::unix_now();
        for round in 0..100 {
            store.keep((0..1000).map(|n| Moment::new(now, mac(n), "dhcp", &round.to_string())).collect()).await;
        }
        let began = std::time::Instant::now();
        assert_eq!(store.timeline(all(mac(500))).await.moments.len(), 100);
        assert!(began.elapsed().as_secs() < 1, "{:?}", began.elapsed());
    }
}
