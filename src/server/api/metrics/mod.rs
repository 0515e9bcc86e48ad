//! Figures for the monitoring system, in the OpenMetrics text that Prometheus reads. docs/monitoring.md lists all of
//! them.

mod figures;

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::error::ApiError;
use super::{Api, site};

const STATES: [&str; 7] = ["new", "armed", "installing", "firstboot", "ready", "failed", "suspect"];

type Labels = [(&'static str, &'static str); 1];

/// The API's counters about itself.
#[derive(Default)]
pub(crate) struct Meters {
    answers: Family<Labels, Counter>,
    refused: Counter,
}

impl Meters {
    /// Counts an answer.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = match status.as_u16() {
            100..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.answers.get_or_create(&[("class", class)]).inc();
    }

    /// Counts a request without a valid token.
    pub(crate) fn refused(&self) {
        self.refused.inc();
    }
}

/// Returns the nodes by state and how long they have been in it, the engines' counters, and figures of the daemon and
/// its disk.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "daemon",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(Shared(api): Shared<Api>) -> Result<impl IntoResponse, ApiError> {
    let counts = site::counts(&api);
    let nodes = Family::<Labels, Gauge>::default();
    for word in STATES {
        let count = counts.get(word).copied().unwrap_or_default();
        nodes.get_or_create(&[("state", word)]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let mut registry = Registry::with_prefix("rackstart");
    registry.register("nodes", "Nodes of the site by state", nodes);
    registry.register("api_answers", "Answers of the API by class of status", api.meters.answers.clone());
    registry.register("api_refused", "Requests without a valid token", api.meters.refused.clone());
    let streams = Gauge::<i64>::default();
    streams.set(i64::try_from(super::STREAMS - api.streams.available_permits()).unwrap_or_default());
    registry.register("api_event_streams", "Open streams of events", streams);
    figures::packets(&mut registry, &api.appliance);
    figures::daemon(&mut registry, &api.appliance);
    figures::nodes(&mut registry, &api.appliance);
    let state = api.appliance.site().server.state.clone();
    if let Ok(room) = tokio::task::spawn_blocking(move || figures::Room::of(&state)).await {
        room.register(&mut registry);
    }
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
            "this is a bug of rackstart, please report it",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
