//! `HEAD` of what a `GET` would change. `HEAD` is safe (RFC 9110 9.2.1), so nothing is looked up and nothing is used
//! up. Some boot clients, installers and people send it first.

use axum::response::IntoResponse;

use super::unkept;

/// The head of a text that is only made on request.
pub(super) async fn nothing_taken() -> impl IntoResponse {
    unkept(String::new())
}
