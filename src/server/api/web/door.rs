//! The checks before every page: those that all listeners share, then who looks, what that person may do, and whether a
//! form comes from one of our own pages. Also the headers of every answer, and refusals as pages.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest as _, Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::people::Visitor;
use super::super::{Api, guard};
use super::{ApiError, FORM, Needs, frame, shown};
use crate::web::query;

/// Name of the cookie.
pub(super) const COOKIE: &str = "rackstart-session";
/// Nothing from elsewhere, no code and no style within a page, and no other page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The checks that all pages share.
pub(super) async fn door(Shared(api): Shared<Api>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_string();
    let mut response = match guard::enter(&api, &request, is_visit(request.method(), request.headers())) {
        Err(error) => error.into_response(),
        Ok(()) => match tokio::time::timeout(guard::PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => guard::too_slow(&path).into_response(),
        },
    };
    let visitor = response.extensions_mut().remove::<Visitor>();
    if let Some(error) = refusal(&mut response) {
        response = page_of(&api, visitor.as_ref(), &path, &error);
    }
    api.meters.answered(response.status());
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    if !path.starts_with("/web/") {
        set(header::CACHE_CONTROL, "no-store");
    }
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    // With `no-referrer` a browser would send `Origin: null` with our own forms.
    set(header::REFERRER_POLICY, "same-origin");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

/// Whether a person follows a link of another page to one of ours. That shows a page and orders nothing; the cookie does
/// not come along (`SameSite=Strict`).
fn is_visit(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    method == Method::GET && is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

/// What an error answer says; errors of libraries have only their status.
fn refusal(response: &mut Response) -> Option<ApiError> {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        return Some(error);
    }
    let status = response.status();
    let words = status.canonical_reason().unwrap_or("refused").to_lowercase();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let is_error = (status.is_client_error() || status.is_server_error()) && !is_page;
    is_error.then(|| ApiError::new(status, words, "go back, and try again"))
}

#[derive(serde::Serialize)]
struct RefusedPage {
    title: &'static str,
    error: String,
    hints: Vec<String>,
    back: &'static str,
}

fn page_of(api: &Api, visitor: Option<&Visitor>, path: &str, error: &ApiError) -> Response {
    let title = match error.status {
        StatusCode::NOT_FOUND => "There is no such thing",
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "This is not allowed",
        StatusCode::CONFLICT => "Not now",
        _ => "This did not work",
    };
    let hints = if error.hints.is_empty() { vec![error.body.help.clone()] } else { error.hints.clone() };
    let back = if path == "/" { "/sign-in" } else { "/" };
    let page = RefusedPage { title, error: error.body.error.clone(), hints, back };
    let text = shown("refused.html", &frame(api, visitor, title, ""), page);
    let mut response = text.map_or_else(|_| title.into_response(), IntoResponse::into_response);
    *response.status_mut() = error.status;
    response
}

/// Answers paths that have no page.
pub(super) async fn nowhere() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "there is no such page", "the first page leads to all others")
}

/// The one field that every form has.
#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    csrf: String,
}

/// Admits people who may open this page, and tells its handler who it is. No handler of a form runs without its token.
pub(super) async fn admit(
    Shared((api, needs)): Shared<(Api, Needs)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let visitor = visitor(&api, &request)?;
    let Needs::Role(needed) = needs else {
        let mut response = next.run(request).await;
        visitor.map(|visitor| response.extensions_mut().insert(visitor));
        return Ok(response);
    };
    let Some(visitor) = visitor else {
        if request.method() != Method::GET {
            let error = "nobody is signed in here any more";
            return Err(ApiError::new(StatusCode::FORBIDDEN, error, "sign in, and try again"));
        }
        let to = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
        let is_page = to != "/live" && request.headers().get("rackstart-part").is_none();
        return match is_page {
            true => Ok(Redirect::to(&format!("/sign-in{}", query(&[("to", to)]))).into_response()),
            false => Err(ApiError::new(StatusCode::UNAUTHORIZED, "nobody is signed in here", "sign in")),
        };
    };
    let mut response = allowed(request, next, &visitor, needed).await.unwrap_or_else(IntoResponse::into_response);
    response.extensions_mut().insert(visitor);
    Ok(response)
}

async fn allowed(
    mut request: Request,
    next: Next,
    visitor: &Visitor,
    needed: super::Role,
) -> Result<Response, ApiError> {
    if visitor.role < needed {
        return Err(role_too_low(visitor, needed));
    }
    if request.method() == Method::POST {
        let (parts, body) = request.into_parts();
        let too_large = |_| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "this form is too large", "send less");
        let bytes = to_bytes(body, FORM).await.map_err(too_large)?;
        let sent: Option<Signed> = form(&parts.headers, &bytes).await;
        if !sent.is_some_and(|signed| visitor.has_sent(&signed.csrf)) {
            let error = "this form is not from a page of this session";
            return Err(ApiError::new(StatusCode::FORBIDDEN, error, "open the page again, and send its form"));
        }
        request = Request::from_parts(parts, Body::from(bytes));
    }
    request.extensions_mut().insert(visitor.clone());
    Ok(next.run(request).await)
}

/// What a person is told whose role does not suffice.
pub(super) fn role_too_low(visitor: &Visitor, needed: super::Role) -> ApiError {
    let error = format!("{} has the role {}, this needs {needed}", visitor.who, visitor.role);
    let help = format!("`rackstart open --role {needed}` makes a link with another role");
    ApiError::new(StatusCode::FORBIDDEN, error, help)
}

/// Reads a form as a handler would.
async fn form<T: serde::de::DeserializeOwned>(headers: &HeaderMap, bytes: &Bytes) -> Option<T> {
    let mut request = Request::builder().method(Method::POST).body(Body::from(bytes.clone())).ok()?;
    *request.headers_mut() = headers.clone();
    axum::Form::<T>::from_request(request, &()).await.ok().map(|axum::Form(form)| form)
}

/// The person whose cookie the request has.
fn visitor(api: &Api, request: &Request) -> Result<Option<Visitor>, ApiError> {
    let peer = guard::peer(request)?;
    let cookies = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let secret = pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret);
    Ok(secret.and_then(|secret| api.keeper.visitor(secret, peer)))
}
