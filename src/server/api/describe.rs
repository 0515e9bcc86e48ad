//! The description of the API in OpenAPI 3.1, generated from the handlers; the rules come from the table of routes.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{Method, header};
use axum::response::IntoResponse;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{Modify, OpenApi};

use super::role::Rule;
use super::tokens;
use super::{
    error, events, explain, health, logs, metrics, node, orders, plan, records, routes, secrets, site, texts, timeline,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "rackstart", description = "Bare-metal provisioning. Every change is written to the audit log."),
    paths(
        health::health, openapi, metrics::metrics, site::site, site::states, site::status, node::list, node::one,
        timeline::of_node, plan::plan, texts::text, texts::of_node, texts::digests, texts::shared, logs::log, explain::explain,
        timeline::of_all, timeline::story, events::events, orders::install, orders::disarm, orders::give_up, orders::protect,
        orders::unprotect, orders::maintenance, orders::clear_suspect, orders::accept_hardware, orders::reimage,
        orders::rehearse, orders::drain, orders::stop, orders::lift, orders::reload, orders::foresee, tokens::list,
        tokens::create, tokens::revoke, records::audit, records::verify, records::sealed, records::backup, secrets::list, secrets::set,
        secrets::rotate, secrets::rotate_all, secrets::reveal, secrets::reveal_of_node
    ),
    components(schemas(error::ErrorBody, crate::store::NumberedEvent)),
    modifiers(&Rules)
)]
struct Description;

/// What any request may be answered by the doors in front of the handlers.
const EVERYBODY: [(&str, &str); 4] = [
    ("400", "the request cannot be read: its path, its query or a header"),
    ("403", "from the provisioning network, from a page of another site, or with a token of a lesser role"),
    ("421", "the API is not called by this host name"),
    ("503", "it took too long, no token exists at all, or the daemon is going down"),
];
/// And one that needs a token.
const OF_TOKENS: [(&str, &str); 2] =
    [("401", "without a valid token"), ("429", "too many wrong tokens came from this address")];
/// And one that has a body.
const OF_ORDERS: [(&str, &str); 4] = [
    ("409", "not in this state"),
    ("413", "the body is too long"),
    ("415", "the body is not said to be JSON"),
    ("422", "the body is JSON of another shape"),
];

fn refusal(why: &str) -> RefOr<utoipa::openapi::Response> {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    ResponseBuilder::new().description(why).content("application/json", body).build().into()
}

/// Adds to each operation who may ask it, and what it says to everybody else.
struct Rules;

impl Modify for Rules {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("`rackstart token create`"));
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
        for route in routes::table() {
            let Some(operation) = api.paths.paths.get_mut(route.path).and_then(|item| operation(item, &route.method))
            else {
                continue;
            };
            if let Rule::AtLeast(_) | Rule::AtLeastOrOwner(_) = route.rule {
                operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
            }
            if !route.rule.is_remote() {
                operation.tags = Some(vec!["socket".into()]);
            }
            let rule = said(route.rule);
            let refusals = EVERYBODY.iter().chain(if route.rule == Rule::Public { &[][..] } else { &OF_TOKENS[..] });
            for (status, why) in refusals.chain(if route.method == Method::POST { &OF_ORDERS[..] } else { &[] }) {
                operation.responses.responses.entry(status.to_string()).or_insert_with(|| refusal(why));
            }
            operation.description = Some(match operation.description.take() {
                Some(words) => format!("{words}\n\n{rule}"),
                None => rule,
            });
        }
    }
}

/// The role that a caller needs.
fn said(rule: Rule) -> String {
    let owner = "root and the daemon's own user";
    match rule {
        Rule::Public => "Anybody may ask.".into(),
        Rule::AtLeast(role) => format!("Needs the role {role} or a higher one."),
        Rule::AtLeastOrOwner(role) => {
            format!("Needs the role {role} or a higher one; at the socket it is for {owner} alone.")
        }
        Rule::Socket => "At the socket of the command line alone.".into(),
        Rule::Owner => format!("At the socket of the command line alone, and there for {owner}."),
    }
}

pub(super) fn operation<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    match method.as_str() {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        _ => None,
    }
}

/// The description as a value.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "daemon",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| description().to_json().unwrap_or_default().into());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone())
}
