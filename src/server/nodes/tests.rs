//! The main job over HTTP, in process: from the first boot script to ready, and every wrong way to ask.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::watch;
use tower::ServiceExt;

use super::*;
use crate::boot::Plane;
use crate::lifecycle::{AttemptId, Event, WipeScope};
use crate::media::Guarded;
use crate::render::{Renderer, ScriptFor};
use crate::server::net::listen::Arrival;
use crate::server::net::listen::Missing;
use crate::server::net::neighbours::testing::Wire;
use crate::server::served::Served;
use crate::site::testing::paper_site;
use crate::site::{Mac, Site};
use crate::store::{Change, OpenError, Record, Store};

pub(super) const SECTORS: u64 = 488_397_168;

/// A compute node that speaks HTTP the way iPXE, Anaconda and firstboot do.
#[derive(Clone)]
pub(in crate::server) struct FakeNode {
    pub(in crate::server) appliance: Appliance,
    pub(in crate::server) address: &'static str,
    pub(in crate::server) port: u16,
    pub(in crate::server) mac: Mac,
    pub(in crate::server) served: watch::Sender<Arc<Served>>,
}

pub(in crate::server) struct Answer {
    pub(in crate::server) status: StatusCode,
    pub(in crate::server) text: String,
}

impl FakeNode {
    pub(in crate::server) async fn racked(state: &Path) -> Self {
        let node = Self::known(state).await;
        let event = Event::Armed { id: AttemptId::from_random([1; 4]), scope: WipeScope::BlankDiskOnly };
        node.appliance.store.change(node.mac, Change::Event { event, mark: None }).await.unwrap();
        node
    }

    /// Arms the node.
    pub(in crate::server) async fn arm(&self, n: u8, scope: WipeScope) {
        let event = Event::Armed { id: AttemptId::from_random([n; 4]), scope };
        self.appliance.store.change(self.mac, Change::Event { event, mark: None }).await.unwrap();
    }

    /// This node before a daemon that was (re)started on `state`.
    pub(in crate::server) async fn known(state: &Path) -> Self {
        Self::of(paper_site(), state).await
    }

    /// Like [`Self::new`], for any site that has compute2.
    pub(in crate::server) async fn of(mut site: Site, state: &Path) -> Self {
        site.install_trees[0].path = state.join("tree");
        let (sender, served) = watch::channel(Arc::new(Served::new(site, Renderer::new().unwrap(), 0)));
        let store = open_when_free(&state.join("store")).await;
        let cards = served.borrow().site.nodes.iter().map(|node| (node.address, node.mac)).collect();
        let blueprint = served.borrow().site.blueprint.clone();
        store.open_secrets(None, &blueprint).await.unwrap();
        let appliance = Appliance::new(served, store, Arc::new(Wire(cards)));
        Self {
            appliance,
            address: "192.168.0.2",
            port: 40_000,
            mac: "52:54:00:a8:02:01".parse().unwrap(),
            served: sender,
        }
    }

    /// Edits the site of the running daemon.
    pub(in crate::server) fn edit(&self, edit: impl FnOnce(&mut Site)) {
        self.served.send_modify(|served| {
            let mut site = (*served.site).clone();
            edit(&mut site);
            let guarded = Arc::new(Guarded::of(&site.guarded));
            *served = Arc::new(Served { site: Arc::new(site), guarded, ..(**served).clone() });
        });
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Answer {
        let mut request = request;
        let peer: SocketAddr = format!("{}:{}", self.address, self.port).parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(Plane::Provisioning);
        self.send(request).await
    }

    /// Sends a request unchanged, whatever source it claims.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = app(self.appliance.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, text: String::from_utf8_lossy(&body).into_owned() }
    }

    pub(in crate::server) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The body of an answer that is not text.
    pub(in crate::server) async fn bytes(&self, path: &str) -> Vec<u8> {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.address.parse().unwrap(), self.port)));
        request.extensions_mut().insert(Plane::Provisioning);
        let response = app(self.appliance.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    pub(in crate::server) async fn post(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(form.to_string())).unwrap()).await
    }

    /// Boots iPXE; returns the token if it was given the installer.
    pub(in crate::server) async fn boots(&self) -> Option<String> {
        let script = self.get(&format!("/boot/{}", self.mac.hyphenated())).await;
        assert_eq!(script.status, StatusCode::OK, "{}", script.text);
        assert!(script.text.starts_with("#!ipxe"), "{}", script.text);
        let after = script.text.split("/kickstart/").nth(1)?;
        Some(after[..32].to_string())
    }

    pub(in crate::server) async fn redeems(&self, token: &str) -> Answer {
        self.post(&format!("/permit/{token}"), &format!("disk=sda&sectors={SECTORS}&sector_size=512&blank=yes")).await
    }

    /// Reports that the disks are as the plan of compute2 wants them.
    pub(in crate::server) async fn attests(&self, token: &str) -> Answer {
        self.sends_facts(token, &facts_as_planned()).await
    }

    pub(in crate::server) async fn sends_facts(&self, token: &str, facts: &str) -> Answer {
        self.ask(Request::post(format!("/facts/{token}")).body(Body::from(facts.to_string())).unwrap()).await
    }

    pub(in crate::server) async fn reports(&self, token: &str, event: &str, seq: u64) -> StatusCode {
        let form = format!("event={event}&seq={seq}&step=02-glusterfs-all%2F03-x&number=5&total=7&detail=because");
        self.post(&format!("/report/{token}"), &form).await.status
    }

    pub(in crate::server) fn state(&self) -> &'static str {
        self.record().state.word()
    }

    pub(in crate::server) fn record(&self) -> Record {
        self.appliance.store.record(self.mac).unwrap()
    }
}

/// Opens a store whose previous writer may still be closing its file.
async fn open_when_free(directory: &Path) -> Store {
    let begun = std::time::Instant::now();
    loop {
        match Store::open(directory).await {
            Ok((store, _task)) => return store,
            Err(OpenError::InUse(_)) if begun.elapsed().as_secs() < 60 => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Table 2 as an installer finds it on sda.
pub(in crate::server) fn facts_as_planned() -> String {
    "label sda msdos\n\
     partition sda 1 2048 1024000\n\
     partition sda 2 1026048 43008000\n\
     partition sda 3 44034048 444362752\n\
     pv /dev/sda2 vg_base P-base\n\
     pv /dev/sda3 vg_gluster P-gluster\n\
     vg vg_base V-base 8192 5249 0\n\
     vg vg_gluster V-gluster 8192 54243 0\n\
     lv vg_base lv_root L-root 20480000\n\
     lv vg_base lv_swap L-swap 12288000\n\
     swap vg_base lv_swap\n\
     lv vg_base lv_home L-home 10231808\n\
     lv vg_gluster lv_gluster L-gluster 444358656\n\
     mount rootfs / rootfs\n\
     mount /dev/mapper/vg_base-lv_root / ext4\n\
     mount /dev/sda1 /boot ext4\n\
     mount /dev/mapper/vg_base-lv_home /home ext4\n\
     mount /dev/mapper/vg_gluster-lv_gluster /export/gluster xfs\n\
     end\n"
        .to_string()
}

#[tokio::test]
async fn a_blank_server_becomes_a_ready_node_and_never_installs_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.expect("an armed node gets the installer");
    let kickstart = node.get(&format!("/kickstart/{token}")).await;
    assert_eq!(kickstart.status, StatusCode::OK, "{}", kickstart.text);
    assert!(kickstart.text.contains("%include /tmp/rackstart-storage.ks"));
    assert!(!kickstart.text.contains("\nclearpart"), "storage commands leave only with the permit");
    let storage = node.redeems(&token).await;
    assert_eq!(storage.status, StatusCode::OK, "{}", storage.text);
    assert!(storage.text.contains("clearpart --all --initlabel --drives=sda"), "{}", storage.text);
    assert_eq!(node.state(), "installing");
    let early = node.get(&format!("/firstboot/{token}")).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "no secret for disks that nobody looked at");
    assert_eq!(node.reports(&token, "installed", 2).await, StatusCode::CONFLICT, "nobody looked at its disks yet");
    let attested = node.attests(&token).await;
    assert_eq!(attested.status, StatusCode::NO_CONTENT, "{}", attested.text);
    assert_eq!(node.attests(&token).await.status, StatusCode::NO_CONTENT, "the answer may have been lost");
    assert_eq!(node.get(&format!("/firstboot/{token}")).await.status, StatusCode::OK);
    assert_eq!(node.reports(&token, "installed", 3).await, StatusCode::NO_CONTENT);
    assert_eq!(node.attests(&token).await.status, StatusCode::NO_CONTENT);
    assert_eq!(node.state(), "firstboot");
    assert_eq!(node.reports(&token, "step-started", 1).await, StatusCode::NO_CONTENT);
    assert_eq!(node.reports(&token, "ready", 2).await, StatusCode::NO_CONTENT);
    assert_eq!(node.state(), "ready");
    for _ in 0..10 {
        assert_eq!(node.boots().await, None, "the network is first in its boot order, and it boots its disk");
    }
    assert_eq!(node.redeems(&token).await.status, StatusCode::GONE);
    assert_eq!(node.state(), "ready");
}

#[tokio::test]
async fn a_permit_is_redeemed_by_one_boot_only_even_across_a_restart_of_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let first = node.boots().await.unwrap();
    let second = node.boots().await.unwrap();
    assert_eq!(node.redeems(&first).await.status, StatusCode::GONE, "an older boot may not touch the disk");
    let answer = node.redeems(&second).await;
    assert_eq!(answer.status, StatusCode::OK);
    drop(node);
    let node = FakeNode::known(folder.path()).await;
    let again = node.redeems(&second).await;
    assert_eq!((again.status, again.text), (StatusCode::OK, answer.text), "a lost answer may be asked again");
    assert_eq!(node.boots().await, None, "nothing retries by itself");
    assert_eq!(node.state(), "failed");
    assert_eq!(node.attests(&second).await.status, StatusCode::NO_CONTENT);
    assert_eq!(node.reports(&second, "installed", 9).await, StatusCode::NO_CONTENT);
    assert_eq!(node.state(), "firstboot", "it was only the report that came late");
}

#[tokio::test]
async fn a_disk_that_is_not_the_planned_one_or_not_blank_spends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    let path = format!("/permit/{token}");
    for (form, word) in [
        ("disk=sda&sectors=156301488&sector_size=512&blank=yes", "156301488 sectors of 512 bytes"),
        ("disk=sda&sectors=488397168&sector_size=4096&blank=yes", "sectors of 4096 bytes"),
        ("disk=sda&sectors=488397168&sector_size=512&blank=no&found=LVM2_member", "not blank (LVM2_member)"),
        ("disk=sda&sectors=488397168&sector_size=512", "not blank"),
    ] {
        let answer = node.post(&path, form).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.text.contains(word), "{}", answer.text);
    }
    for (form, word) in [("disk=sdb&sectors=488397168&sector_size=512&blank=yes", "wants `sda`")] {
        assert!(node.post(&path, form).await.text.contains(word));
    }
    for form in ["", "disk=sda", "disk=sda&sectors=x&sector_size=512&blank=yes"] {
        let status = node.post(&path, form).await.status;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{form}");
    }
    let hostile = node.post(&path, "disk=sda%0Aclearpart&sectors=488397168&sector_size=512&blank=yes").await;
    assert!(!hostile.status.is_success());
    assert_eq!(node.state(), "armed");
    assert_eq!(node.redeems(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_of_pre_ends_in_failed_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    assert_eq!(node.reports(&token, "refused", 2).await, StatusCode::NO_CONTENT);
    assert_eq!(node.state(), "failed");
    assert_eq!(node.boots().await, None);
    assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn three_boots_without_redemption_end_in_failed() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    for _ in 0..3 {
        assert!(node.boots().await.is_some());
    }
    assert_eq!(node.boots().await, None);
    assert_eq!(node.state(), "failed");
}

#[tokio::test]
async fn a_token_is_worthless_from_another_address_and_unknown_tokens_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    let armed = node.record();
    for (address, expected) in [("192.168.0.3", StatusCode::NOT_FOUND), ("192.168.0.77", StatusCode::NOT_FOUND)] {
        node.address = address;
        assert_eq!(node.reports(&token, "installed", 1).await, expected);
        assert_eq!(node.state(), "armed", "a report brings nothing, so a wrong one is no theft");
        for path in ["kickstart", "firstboot"] {
            assert_eq!(node.get(&format!("/{path}/{token}")).await.status, expected);
            assert_eq!(node.state(), "suspect");
            node.becomes(&armed).await;
        }
        assert_eq!(node.redeems(&token).await.status, expected);
        node.becomes(&armed).await;
        let script = node.get(&format!("/boot/{}", node.mac.hyphenated())).await;
        assert_eq!(script.status, StatusCode::FORBIDDEN);
    }
    node.address = "192.168.0.2";
    let other = "0".repeat(32);
    assert_eq!(node.get(&format!("/kickstart/{other}")).await.status, StatusCode::GONE);
    assert_eq!(node.reports("short", "installed", 1).await, StatusCode::NOT_FOUND);
    assert_eq!(node.state(), "armed");
}

#[tokio::test]
async fn provisioning_headers_must_agree_when_present() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    let with = |headers: &[(&str, &str)]| {
        let mut request = Request::get(format!("/kickstart/{token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    };
    let armed = node.record();
    let wrong = with(&[("X-RHN-Provisioning-MAC-0", "eth0 52:54:00:00:00:99")]);
    assert_eq!(node.ask(wrong).await.status, StatusCode::FORBIDDEN);
    assert_eq!(node.state(), "suspect");
    node.becomes(&armed).await;
    let right = with(&[
        ("X-RHN-Provisioning-MAC-0", "eth0 52:54:00:A8:02:00"),
        ("X-RHN-Provisioning-MAC-3", "eth1 52:54:00:A8:02:01"),
    ]);
    assert_eq!(node.ask(right).await.status, StatusCode::OK);
}

#[tokio::test]
async fn reports_of_an_old_attempt_are_gone_and_broken_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let old = node.boots().await.unwrap();
    node.redeems(&old).await;
    node.reports(&old, "install-failed", 1).await;
    let event = Event::Armed { id: AttemptId::from_random([2; 4]), scope: WipeScope::DestroyData };
    node.appliance.store.change(node.mac, Change::Event { event, mark: None }).await.unwrap();
    assert_eq!(node.reports(&old, "installed", 2).await, StatusCode::GONE);
    assert_eq!(node.state(), "armed");
    let token = node.boots().await.unwrap();
    for form in ["event=installed", "event=dancing&seq=1", "seq=1", "event=installed&seq=-1"] {
        let answer = node.post(&format!("/report/{token}"), form).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{form}: {}", answer.text);
        assert!(answer.text.len() > 10, "a reason is given");
    }
    let huge = format!("event=refused&seq=1&detail={}", "x".repeat(20_000));
    assert_eq!(node.post(&format!("/report/{token}"), &huge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(node.state(), "armed");
}

#[tokio::test]
async fn install_trees_serve_ranges_and_nothing_outside_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let images = folder.path().join("tree/images/pxeboot");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::write(images.join("vmlinuz"), b"0123456789").unwrap();
    std::fs::write(folder.path().join("secret"), b"secret").unwrap();
    let kernel = "/tree/centos6/images/pxeboot/vmlinuz";
    assert_eq!(node.get(kernel).await.text, "0123456789");
    let range = node.ask(Request::get(kernel).header("range", "bytes=2-4").body(Body::empty()).unwrap()).await;
    assert_eq!((range.status, range.text.as_str()), (StatusCode::PARTIAL_CONTENT, "234"));
    for path in [
        "/tree/centos6/../secret",
        "/tree/centos6/%2e%2e/secret",
        "/tree/centos6/..%2fsecret",
        "/tree/centos6/images/..%5c..%5csecret",
        "/tree/centos6//../secret",
        "/tree/centos6/%00",
        "/tree/centos6/images/pxeboot/missing",
        "/tree/other/images/pxeboot/vmlinuz",
        "/etc/passwd",
        "/firmware/../Cargo.toml",
        "/firmware/README.md",
    ] {
        let answer = node.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(!answer.text.contains("secret\n") && answer.text != "secret", "{path}");
    }
}

#[tokio::test]
async fn repositories_and_images_are_served_by_the_rules_of_install_trees() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(place("essex/repodata")).unwrap();
    std::fs::write(place("essex/repodata/repomd.xml"), b"0123456789").unwrap();
    std::fs::write(place("cirros.img"), b"0123456789").unwrap();
    std::fs::write(place("secret"), b"secret").unwrap();
    let node = FakeNode::racked(folder.path()).await;
    node.edit(|site| {
        site.repositories.push(crate::site::Repository {
            name: "essex".into(),
            path: place("essex"),
            gpg_key: None,
            releases: Vec::new(),
            roles: Vec::new(),
            install_trees: Vec::new(),
            expect: Default::default(),
            folders: vec![String::new()],
        });
        let checksum = crate::packages::Checksum::new(crate::packages::Algorithm::Md5, &"0".repeat(32)).unwrap();
        let image =
            crate::site::Image { name: "cirros".into(), path: place("cirros.img"), checksum, format: "raw".into() };
        site.images.push(image);
    });
    for path in ["/repo/essex/repodata/repomd.xml", "/image/cirros"] {
        assert_eq!(node.get(path).await.text, "0123456789", "{path}");
        let range = node.ask(Request::get(path).header("range", "bytes=2-4").body(Body::empty()).unwrap()).await;
        assert_eq!((range.status, range.text.as_str()), (StatusCode::PARTIAL_CONTENT, "234"), "{path}");
    }
    for path in [
        "/repo/essex/../secret",
        "/repo/essex/%2e%2e/secret",
        "/repo/essex/..%2fsecret",
        "/repo/essex/repodata/..%5c..%5csecret",
        "/repo/essex/%00",
        "/repo/essex/missing",
        "/repo/other/repodata/repomd.xml",
        "/image/other",
        "/image/..%2fsecret",
        "/image/cirros/more",
    ] {
        let answer = node.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(!answer.text.contains("secret\n") && answer.text != "secret", "{path}");
    }
    std::fs::remove_file(place("cirros.img")).unwrap();
    assert_eq!(node.get("/image/cirros").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_disc_image_is_served_file_by_file_without_mounting_it() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("dvd/images/pxeboot");
    std::fs::create_dir_all(&tree).unwrap();
    let kernel: Vec<u8> = (0..700_000u32).map(|n| (n % 251) as u8 % 64 + b' ').collect();
    std::fs::write(tree.join("vmlinuz"), &kernel).unwrap();
    std::fs::write(folder.path().join("secret"), b"secret").unwrap();
    let made = std::process::Command::new("xorriso")
        .args(["-as", "mkisofs", "-quiet", "-R", "-o"])
        .args([folder.path().join("dvd.iso"), folder.path().join("dvd")])
        .status();
    assert!(made.unwrap().success());
    let node = FakeNode::racked(folder.path()).await;
    node.edit(|site| site.install_trees[0].path = folder.path().join("dvd.iso"));
    let path = "/tree/centos6/images/pxeboot/vmlinuz";
    assert_eq!(node.get(path).await.text.as_bytes(), kernel);
    let range = node.ask(Request::get(path).header("range", "bytes=300000-300009").body(Body::empty()).unwrap()).await;
    assert_eq!((range.status, range.text.as_bytes()), (StatusCode::PARTIAL_CONTENT, &kernel[300_000..300_010]));
    let beyond = node.ask(Request::get(path).header("range", "bytes=700000-").body(Body::empty()).unwrap()).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let doubled = node.get("/tree/centos6//images//pxeboot/vmlinuz").await;
    assert_eq!(doubled.text.as_bytes(), kernel, "a doubled slash is one");
    for path in ["images", "images/../../secret", "%2e%2e/secret", "..%2fsecret", "missing"] {
        let answer = node.get(&format!("/tree/centos6/{path}")).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    std::fs::write(folder.path().join("dvd.iso"), vec![0; 100_000]).unwrap();
    assert_eq!(node.get(path).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn an_unknown_mac_gets_its_screen_at_a_lent_address_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = FakeNode::racked(folder.path()).await;
    node.edit(|site| site.network.discovery = Some(([192, 168, 0, 200].into(), [192, 168, 0, 220].into())));
    node.address = "192.168.0.220";
    let screen = node.get("/boot/52-54-00-99-99-99").await;
    assert_eq!(screen.status, StatusCode::OK);
    assert!(screen.text.starts_with("#!ipxe") && screen.text.contains("52:54:00:99:99:99"), "{}", screen.text);
    for word in ["sanboot", "kernel", "initrd", "chain", "kickstart"] {
        assert!(!screen.text.contains(word), "{word} in {}", screen.text);
    }
    // Another card of a node, and a node's script from a stranger's address.
    assert_eq!(node.get("/boot/52-54-00-a8-02-00").await.status, StatusCode::NOT_FOUND);
    assert_eq!(node.get("/boot/52-54-00-a8-02-01").await.status, StatusCode::FORBIDDEN);
    node.address = "192.168.0.221";
    assert_eq!(node.get("/boot/52-54-00-99-99-99").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_unknown_mac_gets_a_reason_and_no_script() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    assert_eq!(node.get("/boot/52-54-00-99-99-99").await.status, StatusCode::NOT_FOUND);
    assert_eq!(node.get("/boot/nonsense").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_form_that_does_not_arrive_is_asked_for_again_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    // This is how the listener passes on a request whose body did not arrive.
    let request = Request::post(format!("/permit/{token}")).header("content-type", "application/x-www-form-urlencoded");
    let request = request.extension(Missing { patience: Duration::from_secs(30) });
    let answer = node.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.text.contains("within 30 s"), "{}", answer.text);
    assert_eq!(node.state(), "armed");
}

#[tokio::test]
async fn a_node_that_cannot_be_served_sees_the_reason_on_its_own_screen_and_loses_no_boot() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    node.edit(|site| {
        let node = site.nodes.iter_mut().find(|node| node.name.as_str() == "compute2").unwrap();
        node.layout.partitions[1].size = crate::site::SizeSpec::Exact(crate::site::Mib(999_999_999));
    });
    let screen = node.get(&format!("/boot/{}", node.mac.hyphenated())).await;
    assert_eq!(screen.status, StatusCode::OK, "iPXE shows no text of an error");
    assert!(screen.text.contains("echo rackstart: compute2 cannot be served: "), "{}", screen.text);
    for word in ["sanboot", "kernel", "initrd", "chain", "kickstart"] {
        assert!(!screen.text.contains(&format!("\n{word} ")), "{word}: {}", screen.text);
    }
    let record = node.appliance.store.record(node.mac).unwrap();
    assert_eq!(record.state.attempt().unwrap().boots, 0);
}

/// A client that gave up while the daemon restarted asks again, and both requests wait.
#[tokio::test]
async fn a_boot_script_that_nobody_waits_for_does_not_end_the_boot_of_a_newer_request() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let given_up = Arrival::now();
    let token = node.boots().await.expect("the installer");
    let mut late = Request::get(format!("/boot/{}", node.mac.hyphenated())).body(Body::empty()).unwrap();
    late.extensions_mut().insert(given_up);
    let late = node.ask(late).await;
    assert!(late.text.contains("a newer request of this machine was answered"), "{}", late.text);
    assert_eq!(node.get(&format!("/kickstart/{token}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn grub_is_led_to_its_script_and_an_armed_node_gets_the_installer_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let start = node.get("/firmware/signed/centos6/grub.cfg-01-52-54-00-a8-02-01").await;
    let script = format!("source '(http,192.168.0.254)'/boot/{}/grub/$uuid\n", node.mac.hyphenated());
    assert!(start.text.ends_with(&script), "{}", start.text);
    assert_eq!(node.get("/grub/grub.cfg").await.text, start.text, "the folder that is built into Debian's");
    let script = node.get(&format!("/boot/{}/grub/unknown", node.mac.hyphenated())).await;
    assert_eq!(script.status, StatusCode::OK);
    let kernel = "linux '(http,192.168.0.254)'/tree/centos6/images/pxeboot/vmlinuz syslog=192.168.0.254:514 ks=http://";
    assert!(script.text.contains(kernel), "{}", script.text);
    assert!(!script.text.contains("initrd="), "a kernel on UEFI would look for it on its own device");
    assert_eq!(node.record().state.attempt().unwrap().boots, 1);
}

#[tokio::test]
async fn a_loader_without_http_gets_the_same_script_by_tftp_from_the_same_decision() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let told = || super::boot::Told::by_grub(None, None);
    let ask = |client: Ipv4Addr, reader| {
        let appliance = &node.appliance;
        async move { super::boot::script_by_tftp(appliance, client, node.mac, reader, told()).await }
    };
    let (grub, pxelinux) = (ScriptFor::Grub { http: false }, ScriptFor::Pxelinux { http: false });
    let client: Ipv4Addr = node.address.parse().unwrap();
    let other = ask(Ipv4Addr::new(192, 168, 0, 77), grub).await.unwrap_err();
    assert!(other.reason.contains("only served to"), "{}", other.reason);
    let script = ask(client, grub).await.unwrap();
    assert!(script.contains("linux '(tftp,192.168.0.254)'/tree/centos6/"), "{script}");
    let script = ask(client, pxelinux).await.unwrap();
    assert!(script.contains("  LINUX ::/tree/centos6/images/pxeboot/vmlinuz\n"), "{script}");
    assert_eq!(node.record().state.attempt().unwrap().boots, 2);
}
