//! The description of the API in OpenAPI 3.1, generated from the handlers; the rules come from the table of routes.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::role::Rule;
use super::{console, error, events, health, metrics, node, orders, people, plan, routes, texts, timeline, whole};

#[derive(OpenApi)]
#[openapi(
    info(title = "rackstart", description = "Bare-metal provisioning. Every change is written to the audit log."),
    paths(
        health::health, openapi, metrics::metrics, whole::site, whole::states, node::list, node::one, timeline::of_node,
        plan::plan, texts::text, timeline::of_all, timeline::story, events::events, orders::install, orders::disarm, orders::give_up,
        orders::protect, orders::unprotect, orders::maintenance, orders::clear_suspect, orders::reimage,
        orders::rehearse,
        orders::drain, orders::stop, orders::lift, people::tokens, people::audit
    ),
    components(schemas(error::ErrorBody, console::TokenView)),
    modifiers(&Rules)
)]
struct Description;

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
            let rule = match route.rule {
                Rule::Public => "Anybody may ask.".to_string(),
                Rule::AtLeast(role) => {
                    operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
                    format!("Needs the role {role} or a mightier one.")
                }
            };
            operation.description = Some(match operation.description.take() {
                Some(words) => format!("{words}\n\n{rule}"),
                None => rule,
            });
        }
    }
}

pub(super) fn operation<'a>(item: &'a mut PathItem, method: &axum::http::Method) -> Option<&'a mut Operation> {
    match method.as_str() {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        _ => None,
    }
}

/// The description as a value.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "daemon",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| description().to_json().unwrap_or_default().into());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone())
}
