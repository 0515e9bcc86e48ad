//! Form bodies from nodes, the only bodies that are read here. Shell scripts send them with `curl --data-urlencode`, so
//! a malformed one is answered with a sentence.

use axum::extract::rejection::{FormRejection, StringRejection};
use axum::extract::{Form, FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::HttpError;
use crate::server::net::listen::Missing;

/// A form; a malformed one is answered with a 4xx and the reason.
pub(super) struct NodeForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for NodeForm<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Self, HttpError> {
        is_here(&request)?;
        let read = Form::<T>::from_request(request, state).await;
        read.map(|Form(form)| Self(form)).map_err(|rejection: FormRejection| {
            let status = match rejection.status() {
                status @ (StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE) => status,
                _ => StatusCode::BAD_REQUEST,
            };
            HttpError::new(status, rejection.body_text())
        })
    }
}

/// Plain text; an unreadable one is answered with a 4xx and the reason.
pub(super) struct NodeText(pub String);

impl<S: Send + Sync> FromRequest<S> for NodeText {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Self, HttpError> {
        is_here(&request)?;
        let read = String::from_request(request, state).await;
        read.map(Self).map_err(|rejection: StringRejection| HttpError::new(rejection.status(), rejection.body_text()))
    }
}

/// Refuses a body that did not arrive with 408, not 400, so that a node sends its report again.
fn is_here(request: &Request) -> Result<(), HttpError> {
    let Some(Missing { patience }) = request.extensions().get() else { return Ok(()) };
    let text = format!("the body did not arrive whole within {} s; send it again", patience.as_secs());
    Err(HttpError::new(StatusCode::REQUEST_TIMEOUT, text))
}

/// Sanitises the machine's own words: control characters other than line ends are removed, and the length is capped in
/// bytes.
pub(super) fn tame(text: &str, limit: usize) -> String {
    let mut tame = String::with_capacity(text.len().min(limit));
    for c in text.chars().filter(|c| *c == '\n' || !c.is_control()) {
        if tame.len() + c.len_utf8() > limit {
            break;
        }
        tame.push(c);
    }
    tame
}

#[cfg(test)]
mod tests {
    use super::tame;

    #[test]
    fn machine_words_lose_control_characters_and_their_excess() {
        assert_eq!(tame("a\u{1b}[31mred\r\nb\0", 100), "a[31mred\nb");
        assert_eq!(tame("ééé", 5), "éé");
    }
}
