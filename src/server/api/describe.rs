//! The description of the API in OpenAPI 3.1. It is generated from the handlers; the access rules come from the table
//! of routes.

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
    error, events, explain, health, links, logs, metrics, node, orders, plan, power, records, routes, secrets,
    sessions, site, strangers, texts, timeline, web,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "rackstart", description = "Bare-metal provisioning. Every change is written to the audit log."),
    paths(
        health::health, openapi, metrics::metrics, site::site, site::states, site::status, node::list, node::one,
        timeline::of_node, plan::plan, texts::text, texts::of_node, texts::digests, texts::shared, logs::log, explain::explain,
        timeline::of_all, timeline::story, events::events, strangers::list, strangers::adopted, orders::install, orders::disarm, orders::give_up, orders::protect,
        orders::unprotect, orders::maintenance, orders::clear_suspect, orders::accept_hardware, orders::reimage,
        orders::rehearse, orders::drain, orders::stop, orders::lift, orders::reload, orders::foresee, power::show, power::switch, tokens::list,
        tokens::create, tokens::revoke, links::make, sessions::list, sessions::end, web::report::report, records::audit, records::verify, records::sealed, records::backup, secrets::list, secrets::set,
        secrets::rotate, secrets::rotate_all, secrets::reveal, secrets::reveal_of_node
    ),
    components(schemas(error::ErrorBody, crate::store::NumberedEvent)),
    modifiers(&Rules)
)]
struct Description;

/// What the checks before the handlers may answer to any request.
const EVERYBODY: [(&str, &str); 4] = [
    ("400", "the request cannot be parsed: its path, its query or a header"),
    (
        "403",
        "the request comes from the provisioning network or from a page of another site, or its token has a lower role",
    ),
    ("421", "the `Host` header is not a name of this API"),
    ("503", "the request took too long, no token exists at all, or the daemon is stopping"),
];
/// What they may answer where a token is needed.
const OF_TOKENS: [(&str, &str); 2] =
    [("401", "the token is missing or not valid"), ("429", "this address sent too many wrong tokens")];
/// What they may answer to a request with a body.
const OF_ORDERS: [(&str, &str); 4] = [
    ("409", "the state does not allow this"),
    ("413", "the body is too long"),
    ("415", "`Content-Type` is not JSON"),
    ("422", "the JSON in the body has the wrong structure"),
];

fn refusal(why: &str) -> RefOr<utoipa::openapi::Response> {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    ResponseBuilder::new().description(why).content("application/json", body).build().into()
}

/// Adds to each operation who may call it, and what other callers are answered.
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

/// Describes the role that a caller needs.
fn said(rule: Rule) -> String {
    let owner = "root and the daemon's own user";
    match rule {
        Rule::Public => "Anybody may call this.".into(),
        Rule::AtLeast(role) => format!("Requires the role {role} or a higher one."),
        Rule::AtLeastOrOwner(role) => {
            format!("Requires the role {role} or a higher one; at the socket only {owner} may call it.")
        }
        Rule::Socket => "Only at the socket of the command line.".into(),
        Rule::Owner => format!("Only at the socket of the command line, for {owner}."),
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

/// Returns this description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "daemon",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| description().to_json().unwrap_or_default().into());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone())
}
