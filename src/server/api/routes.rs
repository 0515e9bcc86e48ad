//! The table of routes: what there is, and who may ask. The router is built from it, and the description is checked
//! against it.

use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Router, handler::Handler};

use super::role::Role::{Admin, Metrics, Operator, Viewer};
use super::role::{Role, Rule};
use super::{Api, describe, events, guard, health, metrics, node, orders, people, plan, texts, timeline, whole};

/// Largest body of a request, in bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// One line of the table.
pub struct Route {
    /// `GET` or `POST`.
    pub method: Method,
    /// With its parameters in braces.
    pub path: &'static str,
    /// Who may ask.
    pub rule: Rule,
    handler: MethodRouter<Api>,
}

/// Every route there is.
pub fn table() -> Vec<Route> {
    vec![
        public("/api/v1/health", health::health),
        public("/api/v1/openapi.json", describe::openapi),
        get(Metrics, "/api/v1/metrics", metrics::metrics),
        get(Viewer, "/api/v1/site", whole::site),
        get(Viewer, "/api/v1/states", whole::states),
        get(Viewer, "/api/v1/nodes", node::list),
        get(Viewer, "/api/v1/nodes/{name}", node::one),
        get(Viewer, "/api/v1/nodes/{name}/timeline", timeline::of_node),
        get(Viewer, "/api/v1/nodes/{name}/plan", plan::plan),
        get(Viewer, "/api/v1/nodes/{name}/texts/{text}", texts::text),
        get(Viewer, "/api/v1/timeline", timeline::of_all),
        get(Viewer, "/api/v1/stories/{mac}", timeline::story),
        get(Viewer, "/api/v1/events", events::events),
        post(Operator, "/api/v1/nodes/{name}/install", orders::install),
        post(Operator, "/api/v1/nodes/{name}/disarm", orders::disarm),
        post(Operator, "/api/v1/nodes/{name}/give-up", orders::give_up),
        post(Operator, "/api/v1/nodes/{name}/protect", orders::protect),
        post(Admin, "/api/v1/nodes/{name}/unprotect", orders::unprotect),
        post(Operator, "/api/v1/nodes/{name}/maintenance", orders::maintenance),
        post(Admin, "/api/v1/nodes/{name}/clear-suspect", orders::clear_suspect),
        post(Operator, "/api/v1/reimage", orders::reimage),
        post(Operator, "/api/v1/reimage/rehearse", orders::rehearse),
        post(Operator, "/api/v1/reimage/drain", orders::drain),
        post(Operator, "/api/v1/stop", orders::stop),
        post(Admin, "/api/v1/stop/lift", orders::lift),
        get(Admin, "/api/v1/tokens", people::tokens),
        get(Admin, "/api/v1/audit", people::audit),
    ]
}

fn public<T: 'static>(path: &'static str, handler: impl Handler<T, Api>) -> Route {
    Route { method: Method::GET, path, rule: Rule::Public, handler: on(MethodFilter::GET, handler) }
}

fn get<T: 'static>(role: Role, path: &'static str, handler: impl Handler<T, Api>) -> Route {
    Route { method: Method::GET, path, rule: Rule::AtLeast(role), handler: on(MethodFilter::GET, handler) }
}

fn post<T: 'static>(role: Role, path: &'static str, handler: impl Handler<T, Api>) -> Route {
    Route { method: Method::POST, path, rule: Rule::AtLeast(role), handler: on(MethodFilter::POST, handler) }
}

/// The API, door included.
pub fn app(api: Api) -> Router {
    let mut router = Router::new();
    for Route { path, rule, handler, .. } in table() {
        router = router.route(path, handler.route_layer(from_fn_with_state((api.clone(), rule), guard::authorise)));
    }
    router
        .fallback(guard::nothing_here)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(api.clone(), guard::at_the_door))
        .with_state(api)
}
