//! The `Host` of a request. Without one, nobody can say whom an HTTP/1.1 client meant; what it names is looked at elsewhere.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};

/// What is wrong with it (RFC 9112 section 3.2); nothing where an old client sends none.
pub(super) fn fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        // Network boot programs from before 1997 and after speak HTTP/1.0, which has no such line.
        (None, _) if version < Version::HTTP_11 => None,
        (None, _) => Some("a request of HTTP/1.1 has a line `Host:`"),
        (Some(_), Some(_)) => Some("a request has one line `Host:`"),
        (Some(host), None) => (!is_one(host)).then_some("what follows `Host:` is the name or the address of a host"),
    }
}

/// Whether it can be a host, perhaps with a port: nothing in it belongs to other parts of an address. Empty is right too.
fn is_one(host: &HeaderValue) -> bool {
    host.as_bytes().iter().all(|byte| byte.is_ascii_graphic() && !b"/?#@\"\\<>^`{|},".contains(byte))
}

/// The refusal, after which the connection ends.
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
