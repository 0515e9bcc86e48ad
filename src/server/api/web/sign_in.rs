//! Signing in and out.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Extension, Form, Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::super::keeper::AuthError;
use super::super::people::{SESSION, Visitor};
use super::door::COOKIE;
use super::{Api, ApiError, PageResult, Role, frame, shown};

#[derive(Default, Serialize)]
struct SignInPage {
    problem: Option<&'static str>,
    link: Option<String>,
    who: String,
    role: String,
    to: String,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    to: String,
}

pub(super) async fn page(Shared(api): Shared<Api>, Query(Wanted { to }): Query<Wanted>) -> PageResult {
    made(&api, SignInPage { to: own(&to).into(), ..SignInPage::default() })
}

/// Shows whom a link signs in. Only the form below it uses the link up, because programs fetch links to preview them.
pub(super) async fn link(Shared(api): Shared<Api>, Path(link): Path<String>) -> PageResult {
    let page = match api.keeper.look_at_link(&link) {
        Some(found) => {
            SignInPage { link: Some(link), who: found.who, role: found.role.to_string(), ..SignInPage::default() }
        }
        None => SignInPage { problem: Some(USED), ..SignInPage::default() },
    };
    made(&api, page)
}

const USED: &str = "This link was used before, or is too old. `rackstart open` makes a new one.";

fn made(api: &Api, page: SignInPage) -> Result<Html<String>, ApiError> {
    shown("sign_in.html", &frame(api, None, "Sign in", ""), page)
}

/// A link or a token.
#[derive(Deserialize)]
pub(super) struct Key {
    link: Option<String>,
    token: Option<String>,
    #[serde(default)]
    to: String,
}

pub(super) async fn by_form(
    Shared(api): Shared<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(key): Form<Key>,
) -> Result<Response, ApiError> {
    let refused = |status: StatusCode, problem: &'static str| {
        let page = SignInPage { problem: Some(problem), to: own(&key.to).into(), ..SignInPage::default() };
        made(&api, page).map(|page| (status, page).into_response())
    };
    let secret = match (&key.link, &key.token) {
        (Some(link), _) => match api.keeper.follow_link(link, peer.ip().to_canonical()).await? {
            Some(secret) => secret,
            None => return refused(StatusCode::FORBIDDEN, USED),
        },
        (None, token) => match api.keeper.holder(token.as_deref().map(str::trim), peer.ip().to_canonical()).await {
            Ok(holder) if holder.role < Role::Viewer => {
                return refused(StatusCode::FORBIDDEN, "This token reads the metrics and nothing else.");
            }
            Ok(holder) if !api.keeper.may_sign_in(&holder) => {
                return refused(StatusCode::TOO_MANY_REQUESTS, "This token signed in too often: wait a minute.");
            }
            Ok(holder) => api.keeper.sign_in(&holder, peer.ip().to_canonical()).await?,
            Err(AuthError::TooMany) => {
                return refused(StatusCode::TOO_MANY_REQUESTS, "Too many wrong tokens came from here: wait a minute.");
            }
            Err(AuthError::NotSetUp) => {
                return refused(StatusCode::FORBIDDEN, "No token exists yet. `rackstart token create` makes one.");
            }
            Err(AuthError::Refused) => {
                return refused(
                    StatusCode::FORBIDDEN,
                    "This token is not valid. `rackstart token list` shows which are.",
                );
            }
        },
    };
    // A browser keeps a cookie with `Secure` only when the page came by TLS, which a proxy before us may have added.
    let by_tls = headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
    let secure = if by_tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={SESSION}{secure}");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(own(&key.to))).into_response())
}

pub(super) async fn out(
    Shared(api): Shared<Api>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, ApiError> {
    api.keeper.sign_out(&visitor).await?;
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

/// A path of ours, or else the first page: nobody is sent elsewhere.
fn own(to: &str) -> &str {
    let is_own = to.starts_with('/') && !to.starts_with("//") && !to.contains(|c: char| c == '\\' || c.is_control());
    if is_own && !to.starts_with("/sign-") { to } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn nobody_is_sent_to_another_site() {
        assert_eq!(own("/nodes/compute2?x=1"), "/nodes/compute2?x=1");
        let others = [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\u{1}",
            "/\u{7f}",
            "/sign-out",
            "x",
        ];
        for other in others {
            assert_eq!(own(other), "/", "{other}");
        }
    }
}
