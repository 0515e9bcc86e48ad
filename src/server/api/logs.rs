//! The logs of a node's installers, as they were received.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path as FilePath, PathBuf};
use std::time::SystemTime;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::{ApiError, ErrorBody};
use crate::server::operate::Refusal;
use crate::site::{NodeName, Site};

/// The largest size of one answer, in bytes.
const MAX_PIECE_BYTES: u64 = 256 * 1024;

/// Bytes of the end that a page shows.
const TAIL: u64 = 24 * 1024;

/// Which part of which log.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// The attempt [default: the newest that has a log].
    pub attempt: Option<String>,
    /// Start at this byte.
    #[serde(default)]
    pub from: u64,
}

/// A piece of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LogPiece {
    /// The attempt that the log belongs to.
    pub attempt: String,
    /// All attempts of the node that have a log, the oldest first.
    pub attempts: Vec<String>,
    /// Whole lines, sanitised and without tokens.
    pub text: String,
    /// Where the next piece begins; unchanged when there is no more yet.
    pub next: u64,
}

/// Returns a piece of a log: of the newest attempt that has one, or of an earlier one.
#[utoipa::path(get, path = "/api/v1/nodes/{name}/log", tag = "timelines",
    params(("name", description = "name of a node; one that has left the site file still has its own"), LogQuery),
    responses((status = 200, body = LogPiece), (status = 404, body = ErrorBody)))]
pub(super) async fn log(
    Shared(api): Shared<Api>,
    Path(node): Path<String>,
    Query(query): Query<LogQuery>,
) -> Result<Json<LogPiece>, ApiError> {
    Ok(Json(read(&api.appliance.site(), &node, query).await?))
}

/// Reads a piece of the log of a node, which may have left the site.
pub(crate) async fn read(site: &Site, node: &str, query: LogQuery) -> Result<LogPiece, Refusal> {
    // A node name cannot contain a path, so it cannot leave the folder of logs.
    let node: NodeName = node.parse().map_err(|error| Refusal::Unreadable(format!("{error}")))?;
    let folder = site.server.state.join("logs").join(node.as_str());
    let wanted = query.attempt.clone();
    let found = tokio::task::spawn_blocking(move || piece(&folder, &query).ok_or_else(|| logs(&folder))).await;
    let attempts = match found {
        Ok(Ok(piece)) => return Ok(piece),
        Ok(Err(logs)) => logs.into_iter().map(|(attempt, _)| attempt).collect(),
        Err(_) => Vec::new(),
    };
    let name = node.to_string();
    Err(match wanted {
        Some(attempt) if !attempts.is_empty() => Refusal::NoSuchAttempt { node: name, attempt, attempts },
        _ if !site.nodes.is_empty() && site.node_by_name(&name).is_none() => Refusal::UnknownNode(name),
        _ => Refusal::NoLog(name),
    })
}

/// The end of a node's newest log: its attempt, the text in whole lines, and whether there is more before it.
pub(super) async fn tail(site: &Site, node: &str) -> Option<(String, String, bool)> {
    let node: NodeName = node.parse().ok()?;
    let folder = site.server.state.join("logs").join(node.as_str());
    let read = move || {
        let (_, path) = logs(&folder).pop()?;
        let from = std::fs::metadata(path).ok()?.len().saturating_sub(TAIL);
        let piece = piece(&folder, &LogQuery { attempt: None, from })?;
        let text = match piece.text.split_once('\n') {
            Some((_, rest)) if from > 0 => rest.to_string(),
            _ => piece.text,
        };
        Some((piece.attempt, text, from > 0))
    };
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

/// How long a node's newest log is, in bytes; 0 when it has none.
pub(super) async fn size(site: &Site, node: &NodeName) -> u64 {
    let folder = site.server.state.join("logs").join(node.as_str());
    let read = move || logs(&folder).pop().and_then(|(_, path)| Some(std::fs::metadata(path).ok()?.len())).unwrap_or(0);
    tokio::task::spawn_blocking(read).await.unwrap_or(0)
}

fn piece(folder: &FilePath, query: &LogQuery) -> Option<LogPiece> {
    let logs = logs(folder);
    let (attempt, path) = match &query.attempt {
        Some(wanted) => logs.iter().find(|(attempt, _)| attempt == wanted)?,
        None => logs.last()?,
    };
    let mut file = std::fs::File::open(path).ok()?;
    file.seek(SeekFrom::Start(query.from)).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_PIECE_BYTES).read_to_end(&mut bytes).ok()?;
    // A line that is still being written, or that the end of the piece cuts off, comes with the next piece.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let next = query.from + whole as u64;
    let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
    let attempts = logs.iter().map(|(attempt, _)| attempt.clone()).collect();
    Some(LogPiece { attempt: attempt.clone(), attempts, text, next })
}

/// The attempts that have a log, most recently written last.
fn logs(folder: &FilePath) -> Vec<(String, PathBuf)> {
    let mut logs: Vec<(SystemTime, String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let written = entry.metadata().and_then(|meta| meta.modified());
        if let (Some(attempt), Ok(written)) = (name.strip_suffix(".log"), written) {
            logs.push((written, attempt.to_string(), path));
        }
    }
    logs.sort();
    logs.into_iter().map(|(_, attempt, path)| (attempt, path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_log_is_read_in_whole_lines_from_where_the_reader_was() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(piece(folder.path(), &LogQuery::default()), None);
        write("0a0a0a0a.log", "old\n");
        std::thread::sleep(std::time::Duration::from_millis(20));
        write("0b0b0b0b.log", "one\ntwo\nthr");
        write("notes", "no log\n");
        let first = piece(folder.path(), &LogQuery::default()).unwrap();
        assert_eq!((first.attempt.as_str(), first.text.as_str(), first.next), ("0b0b0b0b", "one\ntwo\n", 8));
        assert_eq!(first.attempts, ["0a0a0a0a", "0b0b0b0b"]);
        let more = LogQuery { attempt: Some("0b0b0b0b".into()), from: first.next };
        assert_eq!(piece(folder.path(), &more).unwrap().next, 8, "the last line is not whole yet");
        write("0b0b0b0b.log", "one\ntwo\nthree\n");
        assert_eq!(piece(folder.path(), &more).unwrap().text, "three\n");
        let old = LogQuery { attempt: Some("0a0a0a0a".into()), from: 0 };
        assert_eq!(piece(folder.path(), &old).unwrap().text, "old\n");
        assert_eq!(piece(folder.path(), &LogQuery { attempt: Some("../x".into()), from: 0 }), None);
    }
}
