//! SQLite's integers have a sign; times, identifiers and counts have none.

/// The number as SQLite stores it. The largest ones, which no clock and no counter reaches, become the largest that it
/// can store.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
