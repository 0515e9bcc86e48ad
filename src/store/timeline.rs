//! The timelines on the disk: moments are added in batches and trimmed, and are read together with the events of the
//! lifecycle, which are never trimmed.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::reader::{self, NumberedEvent};
use super::{DAMAGED, sums};
use crate::site::Mac;
use crate::timeline::{Cursor, Moment, Page};

/// Lines kept for one MAC and one source. Each source has its own limit, so somebody who forges DHCP displaces no line
/// of other sources.
const PER_SOURCE: u64 = 1000;
/// How many more lines may gather before they are trimmed, so that not every line costs a deletion.
const SLACK: u64 = 100;
/// Strangers kept: MACs of machines that have no record. The one that was last heard from longest ago goes first.
const STRANGERS: usize = 1024;
/// How long a line is kept, in seconds.
const AGE: u64 = 90 * 86_400;
/// Seconds between two searches for lines that are too old.
const AGE_CHECK: u64 = 3600;

/// What a reader wants to see.
#[derive(Debug, Clone, Copy)]
pub struct TimelineQuery {
    /// The MAC whose story it is.
    pub mac: Mac,
    /// Nothing from before this time, in Unix seconds.
    pub since: u64,
    /// Only what came after this place.
    pub after: Cursor,
    /// At most this many lines, the newest ones.
    pub limit: u32,
}

/// What is stored for each MAC, so that trimming needs no search.
#[derive(Default)]
pub(super) struct Shelf {
    macs: Option<HashMap<Mac, Kept>>,
    checked: u64,
}

#[derive(Default)]
struct Kept {
    /// Number of lines by source.
    lines: HashMap<String, u64>,
    newest: i64,
}

impl Shelf {
    /// Adds moments within the transaction of `connection`, and makes room. `is_known` tells whether a node has the
    /// MAC.
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
            *kept.lines.entry(moment.source.clone()).or_default() += 1;
            kept.newest = id;
        }
        for Moment { mac, source, .. } in moments {
            let lines = macs.get_mut(mac).and_then(|kept| kept.lines.get_mut(source));
            let Some(lines) = lines.filter(|lines| **lines > PER_SOURCE + SLACK) else { continue };
            *lines -= trim(connection, *mac, source).await?.min(*lines);
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
                self.macs = None; // the next batch counts again
            }
        }
        Ok(())
    }
}

async fn count(connection: &mut SqliteConnection) -> Result<HashMap<Mac, Kept>, sqlx::Error> {
    let select = "SELECT mac, source, count(*), max(id) FROM moment GROUP BY mac, source";
    let mut macs: HashMap<Mac, Kept> = HashMap::new();
    for row in sqlx::query(select).fetch_all(connection).await? {
        // A line whose MAC or source is damaged is removed by its age.
        let (Ok(mac), Ok(source)) = (row.try_get::<&str, _>(0), row.try_get::<String, _>(1)) else { continue };
        let Ok(mac) = mac.parse() else { continue };
        let kept = macs.entry(mac).or_default();
        kept.newest = kept.newest.max(row.try_get(3)?);
        kept.lines.insert(source, u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0));
    }
    Ok(macs)
}

async fn insert(connection: &mut SqliteConnection, moment: &Moment) -> Result<i64, sqlx::Error> {
    let insert = "INSERT INTO moment (at, ms, until, mac, source, text, times, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let (at, ms) = (seconds(moment.at), i64::from(moment.ms));
    let (until, mac, times) = (seconds(moment.until), moment.mac.to_string(), i64::from(moment.times));
    let (source, text) = (moment.source.as_str(), moment.text.as_str());
    let fields = [at.into(), ms.into(), until.into(), mac.as_str().into(), source.into(), text.into(), times.into()];
    let sum = sums::sum("moment", &fields);
    let query =
        sqlx::query(insert).bind(at).bind(ms).bind(until).bind(mac).bind(source).bind(text).bind(times).bind(sum);
    Ok(query.execute(connection).await?.last_insert_rowid())
}

/// Deletes all but the newest lines of a MAC and a source.
async fn trim(connection: &mut SqliteConnection, mac: Mac, source: &str) -> Result<u64, sqlx::Error> {
    let delete = "DELETE FROM moment WHERE mac = ?1 AND source = ?2 AND id <= \
                  (SELECT id FROM moment WHERE mac = ?1 AND source = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)";
    let offset = i64::try_from(PER_SOURCE).unwrap_or(i64::MAX);
    let query = sqlx::query(delete).bind(mac.to_string()).bind(source).bind(offset);
    Ok(query.execute(connection).await?.rows_affected())
}

/// The newest lines of a MAC, moments and events merged.
pub(super) async fn read(connection: &mut SqliteConnection, query: &TimelineQuery) -> Result<Page, sqlx::Error> {
    let TimelineQuery { mac, since, after, limit } = query;
    let select = "SELECT at, ms, until, mac, source, text, times, sum, id FROM moment \
                  WHERE mac = ? AND until >= ? AND id > ? ORDER BY id DESC LIMIT ?";
    let bound = sqlx::query(select).bind(mac.to_string()).bind(seconds(*since)).bind(after.moment);
    let seen = bound.bind(i64::from(*limit)).fetch_all(&mut *connection).await?;
    let select = "SELECT at, ms, mac, kind, state, attempt, detail, sum, id FROM event \
                  WHERE mac = ? AND id > ? ORDER BY id DESC LIMIT ?";
    let bound = sqlx::query(select).bind(mac.to_string()).bind(after.event).bind(i64::from(*limit));
    let events = bound.fetch_all(&mut *connection).await?;
    let newest = |rows: &[SqliteRow], after: i64| rows.first().map_or(Ok(after), |row| row.try_get(8));
    let next = Cursor { moment: newest(&seen, after.moment)?, event: newest(&events, after.event)? };
    let mut moments = Vec::with_capacity(seen.len() + events.len());
    for row in seen.iter().rev() {
        moments.push(moment(row, *mac).unwrap_or_else(|_| {
            let at = moments.last().map_or(*since, |before: &Moment| before.at);
            Moment::new(at, *mac, "store", "a line of the timeline is damaged: what it said is not known")
        }));
    }
    let within: Vec<u16> = events.iter().rev().map(|row| row.try_get(1).unwrap_or_default()).collect();
    let mut events: Vec<NumberedEvent> = events.iter().rev().map(reader::event).collect();
    reader::place_damaged(&mut events);
    let told = events.into_iter().zip(within).filter(|(event, _)| event.at >= *since);
    moments.extend(told.map(|(event, ms)| in_words(event, ms, *mac)));
    // The sort is stable: within a millisecond, lines stay in the order of their table.
    moments.sort_by_key(|moment| (moment.at, moment.ms));
    let surplus = moments.len().saturating_sub(usize::try_from(*limit).unwrap_or(usize::MAX));
    moments.drain(..surplus);
    Ok(Page { moments, next })
}

fn moment(row: &SqliteRow, mac: Mac) -> Result<Moment, sqlx::Error> {
    if !sums::holds("moment", row, 7) {
        return Err(sqlx::Error::Decode("its checksum does not match".into()));
    }
    Ok(Moment {
        at: u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0),
        ms: row.try_get(1)?,
        until: u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
        mac,
        source: row.try_get(4)?,
        text: row.try_get(5)?,
        times: u32::try_from(row.try_get::<i64, _>(6)?).unwrap_or(1),
    })
}

fn in_words(event: NumberedEvent, ms: u16, mac: Mac) -> Moment {
    let NumberedEvent { at, kind, state, detail, .. } = event;
    if kind == DAMAGED {
        return Moment::new(at, mac, "store", &detail);
    }
    let words = if detail.is_empty() { kind } else { format!("{kind}: {detail}") };
    // This is the log of a script that failed: people want all of it, each line separately.
    let text = format!("{} [{state}]", words.replace('\n', " | "));
    Moment { at, ms, until: at, mac, source: "node".into(), text, times: 1 }
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
        store.keep(vec![seen(mac(1), "dhcp", "DHCPDISCOVER"), seen(mac(2), "dhcp", "x")]).await.unwrap();
        let event = Event::Armed { id: AttemptId::from_random([1; 4]), scope: WipeScope::BlankDiskOnly };
        store.change(mac(1), Change::Event { event, mark: None }).await.unwrap();
        drop(store);
        task.await.unwrap().unwrap();
        let store = self::store(&folder).await;
        let page = store.timeline(all(mac(1))).await.unwrap();
        let told: Vec<(&str, &str)> = page.moments.iter().map(|m| (m.source.as_str(), m.text.as_str())).collect();
        assert_eq!(told[0], ("dhcp", "DHCPDISCOVER"));
        assert_eq!(told[1].0, "node");
        assert!(told[1].1.starts_with("armed: attempt 01010101") && told[1].1.ends_with("[armed]"), "{told:?}");
        assert_eq!(told.len(), 2);
        let after = TimelineQuery { after: page.next, ..all(mac(1)) };
        assert!(store.timeline(after).await.unwrap().moments.is_empty());
        let late = seen(mac(1), "tftp", "read");
        store.keep(vec![late.clone()]).await.unwrap();
        assert_eq!(store.timeline(after).await.unwrap().moments, [late]);
        assert_eq!(store.timeline(TimelineQuery { since: began + 1, ..all(mac(1)) }).await.unwrap().moments.len(), 1);
        assert_eq!(store.timeline(TimelineQuery { limit: 1, ..all(mac(1)) }).await.unwrap().moments[0].source, "node");
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
            store.keep(lines.collect()).await.unwrap();
        }
        let kept = store.timeline(all(mac(1))).await.unwrap().moments;
        assert!((1000..=1101).contains(&kept.len()), "{}", kept.len());
        assert!(kept.iter().any(|moment| moment.text == "2499"), "the newest stay");
        let booted = Moment::new(now, mac(1), "http", "boot script: the installer");
        store.keep(vec![booted]).await.unwrap();
        for _ in 0..10 {
            store.keep((0..250).map(|n| Moment::new(now, mac(1), "dhcp", &n.to_string())).collect()).await.unwrap();
        }
        let kept = store.timeline(all(mac(1))).await.unwrap().moments;
        assert!(kept.iter().any(|moment| moment.source == "http"), "forged DHCP pushes out nothing else");
        let strangers = |range: std::ops::Range<u16>| range.map(|n| Moment::new(now, mac(n), "dhcp", "who")).collect();
        store.keep(strangers(100..1000)).await.unwrap();
        store.keep(strangers(1000..1500)).await.unwrap();
        assert!(store.timeline(all(mac(100))).await.unwrap().moments.is_empty(), "the first stranger went");
        assert_eq!(store.timeline(all(mac(1499))).await.unwrap().moments.len(), 1);
        assert_eq!(store.timeline(all(mac(1))).await.unwrap().moments.len(), kept.len(), "a node is no stranger");
    }

    #[tokio::test]
    async fn old_lines_go_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        store.keep(vec![Moment::new(5, mac(1), "dhcp", "long ago")]).await.unwrap();
        assert!(store.timeline(all(mac(1))).await.unwrap().moments.is_empty(), "the first batch looked for old ones");
    }

    /// The required figure: of a thousand nodes with a hundred lines each, any node's lines are read in under a second.
    #[tokio::test]
    async fn a_timeline_among_a_hundred_thousand_lines_is_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let now = crate::clock::unix_now();
        for round in 0..100 {
            store
                .keep((0..1000).map(|n| Moment::new(now, mac(n), "dhcp", &round.to_string())).collect())
                .await
                .unwrap();
        }
        let began = std::time::Instant::now();
        assert_eq!(store.timeline(all(mac(500))).await.unwrap().moments.len(), 100);
        assert!(began.elapsed().as_secs() < 1, "{:?}", began.elapsed());
    }
}
