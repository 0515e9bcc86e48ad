//! The pages in front of nodes that have lived: `tests/web/run` opens them in a browser. No daemon and no machine: the
//! stage makes the changes that nodes and operators cause, and serves the router of the API.
//!
//! `stage prepare FOLDER SCENE` makes the store, under libfaketime, which takes each moment from the file FOLDER/time;
//! `stage serve FOLDER SCENE` serves it, and carries out the lines that it reads.

mod life;
mod scenes;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rackstart::audit::Actor;
use rackstart::render::Renderer;
use rackstart::secrets::SecretValue;
use rackstart::server::Served;
use rackstart::server::api::keeper::Keeper;
use rackstart::server::api::role::Role;
use rackstart::server::api::{self, Api, routes};
use rackstart::server::appliance::Appliance;
use rackstart::server::net::listen;
use rackstart::server::net::neighbours::Arp;
use rackstart::server::operate::arming::Unarmed;
use rackstart::server::operate::reload::{Reloader, Source};
use rackstart::store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test` starts this program too; it is no test by itself.
    let [verb, folder, scene] = words.as_slice() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let folder = PathBuf::from(folder);
    match verb.as_str() {
        "prepare" => runtime.expect("a runtime").block_on(prepare(&folder, scene)),
        "serve" => runtime.expect("a runtime").block_on(serve(&folder, scene)),
        _ => {}
    }
}

async fn prepare(folder: &Path, scene: &str) {
    scenes::write_file(folder, scene);
    let (store, _task) = Store::open(&folder.join("state")).await.expect("a store");
    scenes::play(&store, &scenes::site(folder, scene), folder, scene).await;
}

async fn serve(folder: &Path, scene: &str) {
    let site = scenes::site(folder, scene);
    let (store, _task) = Store::open(&folder.join("state")).await.expect("a store");
    if let Ok(password) = std::env::var("BMC_PASSWORD") {
        let password = SecretValue::new(password).expect("a password");
        let changes = vec![("BMC_PASSWORD".to_string(), Some(password))];
        store.change_secrets(&site.blueprint, changes, Vec::new()).await.expect("a secret that the site has");
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs();
    let renderer = Renderer::new().expect("templates");
    let (sender, served) = watch::channel(Arc::new(Served::new(site.clone(), renderer, now)));
    let appliance = Appliance::new(served, store.clone(), Arp::on("lo"));
    if scene != "empty" {
        scenes::strangers(&appliance);
    }
    let keeper = Keeper::open(store.clone()).await.expect("tokens");
    let mut tokens = serde_json::Map::new();
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        let token = keeper.create(&format!("{role}1"), role, None, &Actor::daemon()).await.expect("a token");
        tokens.insert(role.to_string(), token.reveal().into());
    }
    let source = Source { file: folder.join("rackstart.toml"), templates: None };
    let reloader = Reloader::new(source, sender, store.clone(), Unarmed::default());
    let shutdown = CancellationToken::new();
    let app = routes::app(Api::new(appliance, keeper, reloader, shutdown.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    println!("{}", serde_json::json!({ "url": format!("http://{address}"), "tokens": tokens }));
    std::io::stdout().flush().expect("somebody reads");
    let serving = tokio::spawn(listen::serve(listener, app, api::limits(), shutdown.clone()));
    let (orders, mut heard) = tokio::sync::mpsc::channel::<String>(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if orders.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = heard.recv().await {
        scenes::order(&store, &site, folder, &line).await;
    }
    shutdown.cancel();
    let _ = serving.await;
}
