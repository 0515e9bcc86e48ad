//! Reads the body of a request before its handler runs, so that a body that never comes costs only an idle connection:
//! no handler waits for it, and its place can be given to another client.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Method, Request};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The longest body that a handler may get, in bytes; most accept less. A longer one is truncated just past this
/// length, so that the handler's own limit refuses it.
pub(crate) const MAX_BODY_BYTES: usize = 128 * 1024;

/// An extension of a request whose body did not arrive completely in time. Its body is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing {
    /// How long the body was waited for.
    pub patience: Duration,
}

/// Returns the request with its whole body; at shutdown it stops waiting. The bodies of GET and HEAD are never read.
pub(super) async fn arrived<B>(request: Request<B>, patience: Duration, shutdown: &CancellationToken) -> Request<Body>
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    let (mut head, body) = request.into_parts();
    if matches!(head.method, Method::GET | Method::HEAD) || body.is_end_stream() {
        return Request::from_parts(head, Body::new(body));
    }
    let whole = timeout(patience, Limited::new(body, MAX_BODY_BYTES).collect());
    let body = match shutdown.run_until_cancelled(whole).await.unwrap_or_else(|| Ok(Err("the server ends".into()))) {
        Ok(Ok(whole)) => Body::from(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Body::from(vec![0; MAX_BODY_BYTES + 1]),
        Ok(Err(_)) | Err(_) => {
            head.extensions.insert(Missing { patience });
            Body::empty()
        }
    };
    Request::from_parts(head, body)
}
