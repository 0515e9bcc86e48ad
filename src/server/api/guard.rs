//! The checks before every handler: where the caller is, which host name it used, whether a web page sent the request,
//! who the caller is, and what it may do. Also the headers of every answer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::keeper::AuthError;
use super::role::{Role, Rule};
use super::socket::Peer;
use crate::site::Site;

/// How long a handler may take, including reading its request.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The longest error text of a library that is passed on, in bytes.
const MAX_WORDS: usize = 4096;

/// The checks that all routes over TCP share.
pub(super) async fn front_door(Shared(api): Shared<Api>, request: Request, next: Next) -> Response {
    let refused = enter(&api, &request, false).err();
    let path = request.uri().path().to_string();
    let response = match refused {
        Some(error) => error.into_response(),
        None => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => normalised(response).await,
            Err(_) => too_slow(&path).into_response(),
        },
    };
    api.meters.answered(response.status());
    dressed(response)
}

/// The checks that all routes at the socket share.
pub(super) async fn socket_door(request: Request, next: Next) -> Response {
    let mut response = normalised(next.run(request).await).await;
    dressed(match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error.at_the_socket(),
        None => response,
    })
}

fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CACHE_CONTROL, "no-store");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    set(header::REFERRER_POLICY, "no-referrer");
    response
}

/// What a caller is told whose request took too long.
pub(super) fn too_slow(path: &str) -> ApiError {
    if path.ends_with("/power") {
        let error = format!("the BMC has not answered within {} s; what was asked of it goes on", PATIENCE.as_secs());
        let help = "look again in a moment, before you order anything again; the audit log has what is refused";
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, help);
    }
    let error = format!("this took longer than {} s", PATIENCE.as_secs());
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, "send the whole request at once, and try again")
}

/// Where the caller is, which host name it used, and, unless it only `visits`, whether a page of another site sent it.
pub(super) fn enter(api: &Api, request: &Request, visits: bool) -> Result<(), ApiError> {
    let site = api.appliance.site();
    let peer = peer(request)?;
    if matches!(peer, IpAddr::V4(address) if site.subnets().any(|subnet| subnet.contains(&address)))
        && peer != site.server.address
    {
        let error = "the API does not serve the provisioning network";
        return Err(ApiError::new(StatusCode::FORBIDDEN, error, "call it from this machine or from the admin network"));
    }
    check_host(&site, request.uri(), request.headers())?;
    if visits { Ok(()) } else { check_origin(&site, request.headers()) }
}

/// The caller's address. The listener records it for every connection; a request without it is refused.
pub(super) fn peer(request: &Request) -> Result<IpAddr, ApiError> {
    let known = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    known.ok_or_else(|| ApiError::new(StatusCode::FORBIDDEN, "the peer address is unknown", "call the API over TCP"))
}

/// Accepts only names that belong to the API, so that a page whose DNS name was later pointed at this address (DNS
/// rebinding) gets no access.
fn check_host(site: &Site, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) => is_ours(site, host),
        _ => false,
    };
    if named && uri.authority().is_none_or(|authority| is_ours(site, authority.as_str())) {
        return Ok(());
    }
    let error = "this host name is not a name of the API";
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, error, "add the name to `hosts` in `[api]` if it should be one"))
}

/// Whether `host`, with or without a port, is a name of the API.
fn is_ours(site: &Site, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let Some(api) = &site.api else { return false };
    name.parse() == Ok(api.listen.ip())
        || name.eq_ignore_ascii_case("localhost")
        || api.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Refuses requests from pages of other sites; a browser says which page a request comes from.
fn check_origin(site: &Site, headers: &HeaderMap) -> Result<(), ApiError> {
    let foreign_page = headers.get_all(header::ORIGIN).iter().any(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        !host.is_some_and(|host| is_ours(site, host))
    });
    let fetched_across =
        headers.get_all("sec-fetch-site").iter().any(|value| value != "same-origin" && value != "none");
    if foreign_page || fetched_across {
        let error = "this request comes from a page of another site";
        return Err(ApiError::new(StatusCode::FORBIDDEN, error, "call the API from a script, or from its own pages"));
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Admits callers that may use this route, and tells the handler who the caller is.
pub(super) async fn authorise(
    Shared((api, rule)): Shared<(Api, Rule)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    // Only the socket's listener inserts this, from the kernel's credentials.
    let at_the_socket = request.extensions_mut().remove::<Peer>();
    let caller = match (at_the_socket, rule) {
        (_, Rule::Public) => return Ok(next.run(request).await),
        (Some(peer), _) => Caller::at_the_socket(&peer),
        (None, Rule::AtLeast(needed) | Rule::AtLeastOrOwner(needed)) => {
            let peer = peer(&request)?;
            over_tcp(&api, needed, request.headers(), peer).await?
        }
        (None, Rule::Socket | Rule::Owner) => return Err(nothing_here().await),
    };
    // A page of another site can send a form without a preflight request, but not JSON.
    if request.method() == Method::POST && !is_json(request.headers()) {
        let error = "a POST needs `Content-Type: application/json`";
        let help = "send JSON, `{}` for an order without parameters";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error, help));
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The holder of a token with at least this role.
async fn over_tcp(api: &Api, needed: Role, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, ApiError> {
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let shown = shown.map(|value| match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    });
    let holder = api.keeper.holder(shown, peer).await.map_err(|error| {
        api.meters.refused();
        unknown(error)
    })?;
    if holder.role < needed {
        let error = format!("the token `{}` has the role {}, this request needs {needed}", holder.name, holder.role);
        let help = "`rackstart token create` makes one with another role";
        return Err(ApiError::new(StatusCode::FORBIDDEN, error, help));
    }
    Ok(Caller::over_tcp(holder, peer))
}

fn unknown(error: AuthError) -> ApiError {
    let new = ApiError::new;
    match error {
        AuthError::NotSetUp => {
            let error = "the API is not set up: no valid token exists";
            new(StatusCode::SERVICE_UNAVAILABLE, error, "run `rackstart token create NAME --role viewer` on the server")
        }
        AuthError::Refused => {
            let error = "this request needs a valid token";
            new(
                StatusCode::UNAUTHORIZED,
                error,
                "send `Authorization: Bearer TOKEN`; `rackstart token list` shows which are valid",
            )
        }
        AuthError::TooMany => {
            let error = "this address sent too many wrong tokens";
            new(StatusCode::TOO_MANY_REQUESTS, error, "wait a minute, then send the right one").retry_after(60)
        }
    }
}

/// Rewrites errors of libraries (a body that is not JSON, a method that a path does not have) into our error body.
async fn normalised(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let is_error = parts.status.is_client_error() || parts.status.is_server_error();
    if !is_error || parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        return Response::from_parts(parts, body);
    }
    let words = to_bytes(body, MAX_WORDS).await.unwrap_or_default();
    let words = String::from_utf8_lossy(&words);
    let error = match words.trim() {
        "" => parts.status.canonical_reason().unwrap_or("refused").to_lowercase(),
        words => words.to_string(),
    };
    let mut ours = ApiError::new(parts.status, error, "`/api/v1/openapi.json` describes every request").into_response();
    if let Some(allowed) = parts.headers.get(header::ALLOW) {
        ours.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    ours
}

/// Answers paths that have no route.
pub(super) async fn nothing_here() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "the API has no such path", "`/api/v1/openapi.json` lists them")
}
