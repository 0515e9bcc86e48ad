//! Theft races: somebody who has the token of a boot asks before, while and after the node does, from every place that
//! the network can tell apart. There are never two readers, and always an alarm.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};

use super::tests::{FakeNode, SECTORS, facts_as_planned};
use crate::boot::Plane;
use crate::lifecycle::WipeScope;
use crate::server::net::neighbours::testing::THIEF_PORT;
use crate::site::testing::paper_site;
use crate::store::Record;

const RACES: usize = 120;

/// Where the thief sits, and what it claims about itself.
#[derive(Debug, Clone, Copy)]
enum Thief {
    /// On an installed node.
    OtherNode,
    /// A device of its own.
    Stranger,
    /// With the node's address, taken over by forged ARP.
    SameAddress,
    /// Even behind the node's card, but wrong about its other cards.
    WrongHeader,
    /// A request that also sends the serial number of its own board.
    WrongSerial,
}

const THIEVES: [Thief; 5] =
    [Thief::OtherNode, Thief::Stranger, Thief::SameAddress, Thief::WrongHeader, Thief::WrongSerial];

fn request(route: &str, token: &str, peer: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let path = format!("/{route}/{token}");
    let mut request = match route {
        "permit" => Request::post(path).header("content-type", "application/x-www-form-urlencoded"),
        _ => Request::get(path),
    };
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let form = format!("disk=sda&sectors={SECTORS}&sector_size=512&blank=yes");
    let mut request = request.body(Body::from(form)).unwrap();
    request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
    request.extensions_mut().insert(Plane::Provisioning);
    request
}

fn honest(route: &str, token: &str) -> Request<Body> {
    let mac = ("X-RHN-Provisioning-MAC-1", "eth1 52:54:00:a8:02:01");
    request(route, token, "192.168.0.2:40000", &[mac, ("X-System-Serial-Number", "SN-2")])
}

fn stolen(thief: Thief, route: &str, token: &str) -> Request<Body> {
    let same_address = format!("192.168.0.2:{THIEF_PORT}");
    let right = ("X-RHN-Provisioning-MAC-0", "eth1 52:54:00:a8:02:01");
    match thief {
        Thief::OtherNode => request(route, token, "192.168.0.3:40000", &[right]),
        Thief::Stranger => request(route, token, "192.168.0.66:40000", &[("X-Forwarded-For", "192.168.0.2")]),
        Thief::SameAddress => request(route, token, &same_address, &[right]),
        Thief::WrongHeader => {
            request(route, token, "192.168.0.2:40000", &[("X-RHN-Provisioning-MAC-0", "eth0 52:54:00:00:00:66")])
        }
        Thief::WrongSerial => {
            request(route, token, "192.168.0.2:40000", &[right, ("X-System-Serial-Number", "THIEF-1")])
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_no_race_two_readers_get_a_secret_and_every_one_rings() {
    let folder = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
    let node = FakeNode::of(paper_site(), folder.path()).await;
    let (mut served_node, mut served_nobody) = (0, 0);
    for race in 0..RACES {
        let thief = THIEVES[race % THIEVES.len()];
        let route = ["kickstart", "permit", "firstboot"][race / THIEVES.len() % 3];
        let order = race / (THIEVES.len() * 3) % 4;
        node.becomes(&Record::new(0)).await;
        node.arm(1, WipeScope::BlankDiskOnly).await;
        // Its serial number is known from the boot script.
        let script = node.get("/boot/52-54-00-a8-02-01?serial=SN-2").await;
        let token = script.text.split("/kickstart/").nth(1).expect("the installer")[..32].to_string();
        if route == "firstboot" {
            assert_eq!(node.send(honest("permit", &token)).await.status, StatusCode::OK);
            // Only a system whose disks were checked has a payload to steal.
            assert_eq!(node.sends_facts(&token, &facts_as_planned()).await.status, StatusCode::NO_CONTENT);
        }
        let play = |request| {
            let node = node.clone();
            tokio::spawn(async move { node.send(request).await.status })
        };
        let (honest, stolen) = (honest(route, &token), stolen(thief, route, &token));
        let (node_got, thief_got) = match order {
            0 => {
                let first = play(stolen).await.unwrap();
                (play(honest).await.unwrap(), first)
            }
            1 => {
                let first = play(honest).await.unwrap();
                (first, play(stolen).await.unwrap())
            }
            _ => {
                let (one, other) = if order == 2 { (honest, stolen) } else { (stolen, honest) };
                let (one, other) = (play(one), play(other));
                let got = (one.await.unwrap(), other.await.unwrap());
                if order == 2 { got } else { (got.1, got.0) }
            }
        };
        let what = format!("race {race}: {thief:?} on {route}, order {order}: node {node_got}, thief {thief_got}");
        assert_ne!(thief_got, StatusCode::OK, "{what}");
        assert!(order != 0 || node_got != StatusCode::OK, "{what}: the install goes on after a theft");
        assert!(order != 1 || node_got == StatusCode::OK, "{what}: nobody was there before it");
        assert_eq!(node.state(), "suspect", "{what}");
        let events = node.appliance.store.events(Some(node.mac), 8).await;
        let since = events.iter().rposition(|event| event.kind == "armed").expect("it was armed for this race");
        assert!(events[since..].iter().any(|event| event.kind == "suspect"), "{what}: {events:?}");
        // The installation halts: nothing else is sent, not even to the node.
        for route in ["kickstart", "permit", "firstboot"] {
            let status = node.send(self::honest(route, &token)).await.status;
            assert_ne!(status, StatusCode::OK, "{what}: then {route}");
        }
        served_node += usize::from(node_got == StatusCode::OK);
        served_nobody += usize::from(node_got != StatusCode::OK);
    }
    assert!(served_node >= RACES / 4 && served_nobody >= RACES / 4, "{served_node} and {served_nobody}");
}
