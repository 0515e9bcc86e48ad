//! One file as an answer: all of it, the bytes that were asked for (RFC 9110 14), or nothing because the client already
//! has it (RFC 9110 13).

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderName};
use axum::http::response::Builder;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse;
use futures_util::stream;

use super::HttpError;
use super::listen::{Download, MAX_SPAN, Visit};
use crate::media::Content;

/// Bytes per read where downloads are not counted.
const CHUNK: usize = 256 * 1024;

/// Most bytes that are read before an answer begins.
const SHORT: u64 = 64 * 1024;

/// Answers with the file, or with the range of it that the headers name. `download` is kept until all of it is sent.
pub(super) fn answer(
    content: Content,
    method: &Method,
    headers: &HeaderMap,
    download: Option<(Visit, Download)>,
) -> Result<Response<Body>, HttpError> {
    let whole = content.length();
    let modified = content.modified().map(in_seconds);
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::ACCEPT_RANGES, "bytes");
    if let Some(modified) = modified {
        response = response.header(header::LAST_MODIFIED, httpdate::fmt_http_date(modified));
    }
    if is_known(headers, modified) {
        return finish(response.status(StatusCode::NOT_MODIFIED), Body::empty());
    }
    let wanted = text(headers, header::RANGE).filter(|_| is_same(headers, modified));
    let content = match wanted.map_or(Ok(None), |text| range(text, whole)) {
        Ok(None) => content,
        Ok(Some((first, length))) => {
            let last = first + length - 1;
            response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{whole}"));
            content.cut(first, length)
        }
        Err(Beyond) => {
            let reason = HttpError::new(StatusCode::RANGE_NOT_SATISFIABLE, format!("the file has {whole} bytes"));
            let mut refused = reason.into_response();
            // The client learns the length (RFC 9110 15.5.17).
            let length = HeaderValue::from_str(&format!("bytes */{whole}")).expect("digits");
            refused.headers_mut().insert(header::CONTENT_RANGE, length);
            return Ok(refused);
        }
    };
    response = response.header(header::CONTENT_LENGTH, content.length());
    let body = match method == Method::HEAD {
        true => Body::empty(),
        false => match Some(&content).filter(|content| content.length() <= SHORT).and_then(Content::bytes_at_once) {
            Some(bytes) => Body::from(bytes),
            None => Body::from_stream(stream::try_unfold(Rest { content, download, splices: true }, next)),
        },
    };
    finish(response, body)
}

fn finish(response: Builder, body: Body) -> Result<Response<Body>, HttpError> {
    response.body(body).map_err(|error| HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// HTTP dates have no fractions of a second.
fn in_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// Whether the client has the current version of the file.
fn is_known(headers: &HeaderMap, modified: Option<SystemTime>) -> bool {
    let since = text(headers, header::IF_MODIFIED_SINCE).and_then(|date| httpdate::parse_http_date(date).ok());
    modified.zip(since).is_some_and(|(modified, since)| modified <= since)
}

/// Whether a range may be cut from the current file: it must be the version of which the client has the other part.
fn is_same(headers: &HeaderMap, modified: Option<SystemTime>) -> bool {
    let Some(of) = text(headers, header::IF_RANGE) else { return true };
    modified.zip(httpdate::parse_http_date(of).ok()).is_some_and(|(modified, of)| modified == of)
}

/// The rest of an answer.
struct Rest {
    content: Content,
    download: Option<(Visit, Download)>,
    /// Whether the kernel sends the file itself; it can where the file system says what is in memory.
    splices: bool,
}

/// The next bytes, and the rest after them.
async fn next(mut rest: Rest) -> io::Result<Option<(Bytes, Rest)>> {
    if rest.content.left() == 0 {
        return Ok(None);
    }
    if let Some((visit, _)) = rest.download.as_ref().filter(|_| rest.splices) {
        let visit = visit.clone();
        match rest.content.is_in_memory(MAX_SPAN) {
            Ok(true) => {}
            Ok(false) => rest = rest.on_disk_thread(|rest| rest.content.fetch(MAX_SPAN)).await?.1,
            Err(_) => rest.splices = false,
        }
        if rest.splices {
            let (file, first, length) = rest.content.pass(MAX_SPAN);
            return Ok(Some((visit.span(file, first, length), rest)));
        }
    }
    rest.on_disk_thread(Rest::read).await.map(Some)
}

impl Rest {
    /// Does some work on a thread that may wait for the disk.
    async fn on_disk_thread<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<(T, Self)> {
        let work = move || work(&mut self).map(|done| (done, self));
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }

    fn read(&mut self) -> io::Result<Bytes> {
        let most = self.download.as_ref().map_or(CHUNK, |(_, download)| download.chunk());
        let mut chunk = vec![0; most.min(usize::try_from(self.content.left()).unwrap_or(most))];
        let length = self.content.read(&mut chunk)?;
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
        }
        chunk.truncate(length);
        Ok(chunk.into())
    }
}

/// A range that begins past the end.
#[derive(Debug, PartialEq, Eq)]
struct Beyond;

/// First byte and length of the range in `bytes=A-B`, `bytes=A-` or `bytes=-N`. Several ranges and unknown units are
/// answered with the whole file, as the RFC allows.
fn range(text: &str, length: u64) -> Result<Option<(u64, u64)>, Beyond> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()));
    let (first, end) = match (first, last) {
        ("", last) => match number(last) {
            Some(0) => return Err(Beyond),
            Some(count) => (length.saturating_sub(count), length),
            None => return Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) => (first, length),
            None => return Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
            _ => return Ok(None),
        },
    };
    if first < end { Ok(Some((first, end - first))) } else { Err(Beyond) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        for (text, expected) in [
            ("bytes=2-4", Ok(Some((2, 3)))),
            ("bytes=2-", Ok(Some((2, 8)))),
            ("bytes=-3", Ok(Some((7, 3)))),
            ("bytes=-30", Ok(Some((0, 10)))),
            ("bytes=9-99", Ok(Some((9, 1)))),
            ("bytes=10-", Err(Beyond)),
            ("bytes=10-12", Err(Beyond)),
            ("bytes=-0", Err(Beyond)),
            ("bytes=4-2", Ok(None)),
            ("bytes=1-2,4-5", Ok(None)),
            ("bytes=+1-2", Ok(None)),
            ("lines=1-2", Ok(None)),
            ("bytes=0-18446744073709551615", Ok(Some((0, 10)))),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Err(Beyond));
    }
}
