//! `HEAD` of what a `GET` would change: it is safe (RFC 9110 9.2.1), so nothing is looked up and nothing is used up. Some
//! boot clients and installers, and people, ask it first.

use axum::response::IntoResponse;

use super::unkept;

/// The head of a text that is made when somebody asks for it.
pub(super) async fn nothing_taken() -> impl IntoResponse {
    unkept(String::new())
}
