//! The table of routes: which exist, and who may call them over TCP and at the socket. Both routers are built from it,
//! and the OpenAPI description is checked against it.

use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use axum::{Router, handler::Handler};

use super::role::Role::{Admin, Metrics, Operator, Viewer};
use super::role::Rule::{self, AtLeastOrOwner, Owner, Socket};
use super::{
    Api, describe, events, explain, guard, health, logs, metrics, node, orders, plan, power, records, secrets,
};
use super::{links, sessions, site, strangers, texts, timeline, tokens, web};

/// Largest body of a request over TCP, in bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// One line of the table.
pub(crate) struct Route {
    /// `GET` or `POST`.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The role that a caller needs.
    pub rule: Rule,
    handler: MethodRouter<Api>,
}

/// All routes.
pub(crate) fn table() -> Vec<Route> {
    vec![
        public("/api/v1/health", health::health),
        public("/api/v1/openapi.json", describe::openapi),
        get(Metrics, "/api/v1/metrics", metrics::metrics),
        get(Viewer, "/api/v1/site", site::site),
        get(Viewer, "/api/v1/states", site::states),
        get(Socket, "/api/v1/status", site::status),
        get(Viewer, "/api/v1/nodes", node::list),
        get(Viewer, "/api/v1/nodes/{name}", node::one),
        get(Viewer, "/api/v1/nodes/{name}/timeline", timeline::of_node),
        get(Viewer, "/api/v1/nodes/{name}/plan", plan::plan),
        get(Viewer, "/api/v1/nodes/{name}/texts/{text}", texts::text),
        get(Socket, "/api/v1/nodes/{name}/texts", texts::of_node),
        get(Socket, "/api/v1/nodes/{name}/log", logs::log),
        get(Socket, "/api/v1/texts", texts::digests),
        get(Socket, "/api/v1/texts/shared", texts::shared),
        get(Socket, "/api/v1/explain/{mac}", explain::explain),
        get(Viewer, "/api/v1/timeline", timeline::of_all),
        get(Viewer, "/api/v1/stories/{mac}", timeline::story),
        get(Viewer, "/api/v1/events", events::events),
        get(Viewer, "/api/v1/strangers", strangers::list),
        post(Socket, "/api/v1/strangers/adopted", strangers::adopted),
        post(Operator, "/api/v1/nodes/{name}/install", orders::install),
        post(Operator, "/api/v1/nodes/{name}/disarm", orders::disarm),
        post(Operator, "/api/v1/nodes/{name}/give-up", orders::give_up),
        post(Operator, "/api/v1/nodes/{name}/protect", orders::protect),
        post(Admin, "/api/v1/nodes/{name}/unprotect", orders::unprotect),
        post(Operator, "/api/v1/nodes/{name}/maintenance", orders::maintenance),
        post(Admin, "/api/v1/nodes/{name}/clear-suspect", orders::clear_suspect),
        post(Socket, "/api/v1/nodes/{name}/accept-hardware", orders::accept_hardware),
        get(Operator, "/api/v1/nodes/{name}/power", power::show),
        post(Operator, "/api/v1/nodes/{name}/power", power::switch),
        post(Operator, "/api/v1/reimage", orders::reimage),
        post(Operator, "/api/v1/reimage/rehearse", orders::rehearse),
        post(Operator, "/api/v1/reimage/drain", orders::drain),
        post(Operator, "/api/v1/stop", orders::stop),
        post(Admin, "/api/v1/stop/lift", orders::lift),
        get(Socket, "/api/v1/reload", orders::foresee),
        post(Socket, "/api/v1/reload", orders::reload),
        get(AtLeastOrOwner(Admin), "/api/v1/tokens", tokens::list),
        post(Owner, "/api/v1/tokens", tokens::create),
        post(Owner, "/api/v1/tokens/{name}/revoke", tokens::revoke),
        post(Socket, "/api/v1/links", links::make),
        get(Admin, "/api/v1/sessions", sessions::list),
        post(Admin, "/api/v1/sessions/{id}/end", sessions::end),
        get(Socket, "/api/v1/report", web::report::report),
        get(Admin, "/api/v1/audit", records::audit),
        get(Socket, "/api/v1/audit/verify", records::verify),
        get(Socket, "/api/v1/sealed", records::sealed),
        post(Socket, "/api/v1/backup", records::backup),
        get(Socket, "/api/v1/secrets", secrets::list),
        post(Socket, "/api/v1/secrets/{secret}", secrets::set),
        post(Socket, "/api/v1/secrets/{secret}/rotate", secrets::rotate),
        post(Socket, "/api/v1/rotate-secrets", secrets::rotate_all),
        post(Owner, "/api/v1/secrets/{secret}/reveal", secrets::reveal),
        post(Owner, "/api/v1/nodes/{name}/reveal-secrets", secrets::reveal_of_node),
    ]
}

fn public<T: 'static>(path: &'static str, handler: impl Handler<T, Api>) -> Route {
    Route { method: Method::GET, path, rule: Rule::Public, handler: on(MethodFilter::GET, handler) }
}

fn get<T: 'static>(rule: impl Into<Rule>, path: &'static str, handler: impl Handler<T, Api>) -> Route {
    Route { method: Method::GET, path, rule: rule.into(), handler: on(MethodFilter::GET, handler) }
}

fn post<T: 'static>(rule: impl Into<Rule>, path: &'static str, handler: impl Handler<T, Api>) -> Route {
    Route { method: Method::POST, path, rule: rule.into(), handler: on(MethodFilter::POST, handler) }
}

/// The API over TCP, including its checks.
pub fn app(api: Api) -> Router {
    // A path that has a route for callers over TCP is also registered for its other methods: those answer 404 over TCP,
    // and the `Allow` header of a 405 names what the description has.
    let remote: Vec<&str> = table().iter().filter(|route| route.rule.is_remote()).map(|route| route.path).collect();
    router(&api, table().into_iter().filter(|route| remote.contains(&route.path)))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(api.clone(), guard::front_door))
        .merge(web::router(&api))
        .with_state(api)
}

/// The API at the socket, for requests whose caller `socket::serve` has identified.
pub(crate) fn at_the_socket(api: Api) -> Router {
    router(&api, table().into_iter()).fallback(guard::nothing_here).layer(from_fn(guard::socket_door)).with_state(api)
}

fn router(api: &Api, routes: impl Iterator<Item = Route>) -> Router<Api> {
    let mut router = Router::new();
    for Route { path, rule, handler, .. } in routes {
        router = router.route(path, handler.route_layer(from_fn_with_state((api.clone(), rule), guard::authorise)));
    }
    // Everything else below `/` is a page, or none.
    router.route("/api/", any(guard::nothing_here)).route("/api/{*path}", any(guard::nothing_here))
}
