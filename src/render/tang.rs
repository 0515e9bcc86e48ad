//! Values for the end of an installation, about Tang servers: the arguments of `clevis luks bind`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::site::{Tang, TangServer};

/// The binding of a node's disks, for templates.
#[derive(Debug, Serialize)]
pub(crate) struct TangValues {
    /// The pin of clevis: `tang`, or `sss` for several servers.
    pin: &'static str,
    /// Its configuration, as JSON.
    config: String,
    /// The servers, for people.
    who: String,
}

impl TangValues {
    /// Collects the values for the site's servers.
    pub(crate) fn new(tang: &Tang) -> Self {
        let server = |server: &TangServer| json!({ "url": server.url, "thp": server.thumbprint });
        let all: Vec<Value> = tang.servers.iter().map(server).collect();
        let (pin, config) = match &all[..] {
            [only] => ("tang", only.clone()),
            _ => ("sss", json!({ "t": tang.threshold, "pins": { "tang": all } })),
        };
        Self { pin, config: config.to_string(), who: tang.who() }
    }
}
