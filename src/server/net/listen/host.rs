//! The `Host` header of a request. Without it, the host that an HTTP/1.1 client meant is unknown; its value is checked
//! elsewhere.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};

/// What is wrong with the header (RFC 9112 section 3.2); `None` also where an old client sends none.
pub(super) fn fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        // Some network boot programs speak HTTP/1.0, which has no such header.
        (None, _) if version < Version::HTTP_11 => None,
        (None, _) => Some("an HTTP/1.1 request must have a `Host:` line"),
        (Some(_), Some(_)) => Some("a request must have only one `Host:` line"),
        (Some(host), None) => (!is_one(host)).then_some("the value of `Host:` must be a host name or an address"),
    }
}

/// Whether the value can be a host, with or without a port: it has no character of another part of a URL. It may be
/// empty.
fn is_one(host: &HeaderValue) -> bool {
    host.as_bytes().iter().all(|byte| byte.is_ascii_graphic() && !b"/?#@\"\\<>^`{|},".contains(byte))
}

/// The refusal, after which the connection is closed.
pub(super) fn refusal(why: &'static str) -> Response {
    let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONNECTION, "close")];
    (StatusCode::BAD_REQUEST, head, format!("{why}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_right_none_only_of_old_clients_and_nothing_else_ever() {
        let judged = |version, hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            fault(version, &headers).is_none()
        };
        for host in ["192.168.0.254", "192.168.0.254:80", "[::1]:80", "rack_1.example.org", "xn--bcher-kva.example", ""]
        {
            assert!(judged(Version::HTTP_11, &[host]) && judged(Version::HTTP_10, &[host]), "{host}");
        }
        assert!(judged(Version::HTTP_10, &[]) && !judged(Version::HTTP_11, &[]));
        for hosts in [&["a", "a"][..], &["a/b"], &["me@a"], &["a b"], &["a, b"]] {
            assert!(!judged(Version::HTTP_11, hosts) && !judged(Version::HTTP_10, hosts), "{hosts:?}");
        }
    }
}
