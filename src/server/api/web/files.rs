//! The style sheet, the script and the icon of the pages.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::ApiError;
use crate::web::{ICON, SCRIPT, STYLE};

pub(super) async fn file(Path(name): Path<String>) -> Result<Response, ApiError> {
    let (kind, text) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "pages.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(ApiError::new(StatusCode::NOT_FOUND, "there is no such file", "go back to the rack")),
    };
    // A browser that keeps it for longer would mix the pages of one version with the style of another.
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=60")], text).into_response())
}
