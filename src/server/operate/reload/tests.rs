//! A daemon's site file is edited while it runs.

use std::path::Path;

use super::*;
use crate::config::NewNode;
use crate::lifecycle::{Attempt, AttemptId, BootToken, Event, State, WipeScope};
use crate::site::Mac;
use crate::store::{Change, Record};

struct Daemon {
    folder: tempfile::TempDir,
    store: Store,
    reloader: Reloader,
    receiver: watch::Receiver<Arc<Served>>,
}

/// The example site with a small install tree below `folder`.
fn site_file(folder: &Path) -> String {
    let images = folder.join("tree/images/pxeboot");
    std::fs::create_dir_all(&images).unwrap();
    for file in ["vmlinuz", "initrd.img"] {
        std::fs::write(images.join(file), "x").unwrap();
    }
    std::fs::write(folder.join("tree/.treeinfo"), "[general]\nversion = 6.10\n").unwrap();
    config::EXAMPLE.replace("/srv/rackstart/centos6", &folder.join("tree").display().to_string())
}

impl Daemon {
    async fn started() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, text) = (folder.path().join("rackstart.toml"), site_file(folder.path()));
        std::fs::write(&file, text).unwrap();
        let loaded = config::read(&file, None).unwrap();
        let (store, _task) = Store::open(&folder.path().join("state")).await.unwrap();
        let unarmed = Unarmed::default();
        unarmed.arm_new(&loaded.site, &store).await.unwrap();
        let (sender, receiver) = watch::channel(Arc::new(Served::new(loaded.site, loaded.renderer, 7)));
        let reloader = Reloader::new(Source { file, templates: None }, sender, store.clone(), unarmed);
        Self { folder, store, reloader, receiver }
    }

    async fn edits(&self, from: &str, to: &str) -> Reloaded {
        let text = site_file(self.folder.path());
        assert!(text.contains(from), "{from}");
        std::fs::write(self.folder.path().join("rackstart.toml"), text.replace(from, to)).unwrap();
        self.reloader.reload(&Actor::daemon()).await
    }

    fn served(&self) -> Arc<Served> {
        self.receiver.borrow().clone()
    }
}

fn compute2() -> Mac {
    "52:54:00:a8:02:01".parse().unwrap()
}

#[tokio::test]
async fn a_good_file_is_swapped_whole_and_its_new_nodes_are_armed() {
    let daemon = Daemon::started().await;
    let before = daemon.served();
    let more = "[[node]]\nname = \"compute9\"\nrole = \"compute\"\naddress = \"192.168.0.9\"\n\
                disk = { name = \"sda\", sectors = 488397168 }\n\
                nics = [{ name = \"eth0\", mac = \"52:54:00:a8:09:01\", network = \"lan\" }]\n\n# Layouts and roles";
    let outcome = daemon.edits("# Layouts and roles", more).await;
    assert_eq!(
        outcome,
        Reloaded::Swapped { nodes: 6, added: vec!["compute9".into()], removed: vec![], differ: vec![] }
    );
    let after = daemon.served();
    let mac = after.site.node_by_name("compute9").unwrap().mac;
    assert!(matches!(daemon.store.record(mac).unwrap().state, State::Armed { .. }));
    assert!(before.site.node_by_name("compute9").is_none(), "who looked before keeps what was there");
    assert!(!Arc::ptr_eq(&before.renderer, &after.renderer), "its renderer came with it");
    assert!(after.since > before.since && after.refused.is_none());
}

#[tokio::test]
async fn what_a_reload_would_be_refused_for_is_known_before_it() {
    let daemon = Daemon::started().await;
    let edit = |from: &str, to: &str| {
        let text = site_file(daemon.folder.path());
        assert!(text.contains(from), "{from}");
        std::fs::write(daemon.folder.path().join("rackstart.toml"), text.replace(from, to)).unwrap();
    };
    let id = AttemptId::from_random([1; 4]);
    let event = Event::Armed { id, scope: WipeScope::DestroyData };
    daemon.store.change(compute2(), Change::Event { event, mark: None }).await.unwrap();
    let before = daemon.served();
    assert_eq!(daemon.reloader.foresee().await.against, []);
    edit("sectors = 488397168", "sectors = 976773168");
    let Foreseen { file, against } = daemon.reloader.foresee().await;
    assert_eq!(file, daemon.folder.path().join("rackstart.toml"));
    let Reloaded::Refused { why } = daemon.reloader.reload(&Actor::daemon()).await else { panic!("it is refused") };
    assert!(
        against.len() == 1 && why.contains(&against[0].what) && why.contains(&against[0].help),
        "{against:?} {why}"
    );
    assert!(against[0].what.starts_with("compute2 is armed, and its disk rule would change"), "{against:?}");
    edit("blueprint = \"essex\"", "blueprint = \"other\"");
    assert_eq!(daemon.reloader.foresee().await.against, [], "its problems are told by `check`");
    assert!(Arc::ptr_eq(&before.site, &daemon.served().site));
}

#[tokio::test]
async fn a_bad_file_keeps_the_last_good_site_and_every_problem_is_told() {
    let daemon = Daemon::started().await;
    let before = daemon.served();
    let Reloaded::Refused { why } = daemon.edits("role = \"compute\"", "role = \"comptue\"").await else {
        panic!("a role that does not exist was taken")
    };
    assert_eq!(why.matches("unknown role `comptue`").count(), 3, "{why}");
    assert!(why.contains("did you mean `compute`?") && why.contains("rackstart.toml:"), "{why}");
    let after = daemon.served();
    assert!(Arc::ptr_eq(&before.site, &after.site) && Arc::ptr_eq(&before.renderer, &after.renderer));
    assert_eq!(after.refused.as_ref().unwrap().why, why);
    assert!(matches!(daemon.edits("name = \"testbed\"", "name = \"second\"").await, Reloaded::Swapped { .. }));
    assert_eq!((daemon.served().site.name.as_str(), &daemon.served().refused), ("second", &None));
}

#[tokio::test]
async fn a_template_that_does_not_render_is_refused_with_its_line() {
    let mut daemon = Daemon::started().await;
    let own = daemon.folder.path().join("own/templates/ipxe");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("install.ipxe.j2"), "#!ipxe\n{{ nodde }}\n").unwrap();
    let file = daemon.reloader.source.file.clone();
    daemon.reloader.source = Arc::new(Source { file, templates: Some(daemon.folder.path().join("own")) });
    let Reloaded::Refused { why } = daemon.reloader.reload(&Actor::daemon()).await else { panic!("taken") };
    assert!(why.contains("install.ipxe.j2:2") && why.contains("nodde"), "{why}");
}

#[tokio::test]
async fn a_node_whose_installer_is_at_work_keeps_its_entry() {
    let daemon = Daemon::started().await;
    let token = BootToken::from_random([7; 16]).hash();
    let event = Event::BootScriptServed { token };
    daemon.store.change(compute2(), Change::Event { event, mark: None }).await.unwrap();
    let Reloaded::Refused { why } = daemon.edits("52:54:00:a8:02:01", "52:54:00:a8:02:99").await else {
        panic!("its MAC was taken from under it")
    };
    assert!(why.starts_with("error: compute2 is armed, and its MAC would change from 52:54:00:a8:02:01"), "{why}");
    assert!(why.contains("rackstart disarm compute2") && why.ends_with("reload refused: 1 problem\n"), "{why}");
    assert!(daemon.served().site.node_by_mac(compute2()).is_some());
    daemon.store.change(compute2(), Change::Event { event: Event::Disarmed, mark: None }).await.unwrap();
    let again = daemon.edits("52:54:00:a8:02:01", "52:54:00:a8:02:99").await;
    assert!(matches!(again, Reloaded::Swapped { .. }), "{again:?}");
}

/// The node was ready once, and is armed to wipe.
async fn armed_to_wipe(daemon: &Daemon) {
    let token = BootToken::from_random([7; 16]).hash();
    let mut attempt = Attempt::new(AttemptId::from_random([1; 4]), WipeScope::BlankDiskOnly);
    (attempt.attested, attempt.redeemed_by) = (true, Some(token));
    let mut record = Record::new(unix_now());
    record.state = State::Ready { attempt };
    daemon.store.change(compute2(), Change::Become(Box::new(record))).await.unwrap();
    let arm = Change::Arm {
        id: AttemptId::from_random([2; 4]),
        scope: WipeScope::DestroyData,
        forced: None,
        undrained: Some("a test".into()),
    };
    daemon.store.change(compute2(), arm).await.unwrap();
}

#[tokio::test]
async fn a_node_that_is_armed_to_wipe_keeps_the_disks_that_its_operator_was_shown() {
    let daemon = Daemon::started().await;
    armed_to_wipe(&daemon).await;
    let text = site_file(daemon.folder.path());
    let at = text.find("name = \"compute2\"").unwrap();
    let rule = text[at..].lines().find(|line| line.contains("disk")).unwrap().to_string();
    let edited = text[..at].to_string() + &text[at..].replacen(&rule, &rule.replace("sda", "sdb"), 1);
    assert_ne!(text, edited, "{rule}");
    std::fs::write(daemon.folder.path().join("rackstart.toml"), &edited).unwrap();
    let Reloaded::Refused { why } = daemon.reloader.reload(&Actor::daemon()).await else { panic!("taken") };
    assert!(why.contains("compute2 is armed, and its disk rule would change"), "{why}");
    assert!(why.contains("rackstart disarm compute2"), "{why}");
    assert!(matches!(daemon.store.record(compute2()).unwrap().state, State::Armed { .. }));
    daemon.store.change(compute2(), Change::Event { event: Event::Disarmed, mark: None }).await.unwrap();
    assert!(matches!(daemon.reloader.reload(&Actor::daemon()).await, Reloaded::Swapped { .. }));
}

#[tokio::test]
async fn a_node_that_leaves_the_file_armed_to_wipe_is_disarmed_and_its_timeline_says_why() {
    let daemon = Daemon::started().await;
    armed_to_wipe(&daemon).await;
    let outcome = daemon.edits("52:54:00:a8:02:01", "52:54:00:a8:02:99").await;
    assert!(matches!(outcome, Reloaded::Swapped { .. }), "{outcome:?}");
    assert_eq!(daemon.store.record(compute2()).unwrap().state.word(), "ready");
    let events = daemon.store.events(Some(compute2()), 10).await;
    let last = events.last().unwrap();
    assert_eq!(last.kind, "disarmed");
    assert_eq!(last.detail, "no node of the site file has its MAC any more; it is ready again");
    // Edited while the daemon was away, or armed at the very moment of the swap: the watchdog notices.
    armed_to_wipe(&daemon).await;
    watchdog::look(&daemon.served().site, &daemon.store, unix_now(), unix_now()).await;
    assert_eq!(daemon.store.record(compute2()).unwrap().state.word(), "ready");
    // The node returns to the file, and nothing is armed.
    assert!(matches!(daemon.edits("name = \"testbed\"", "name = \"testbed\"").await, Reloaded::Swapped { .. }));
    assert_eq!(daemon.store.record(compute2()).unwrap().state.word(), "ready");
}

#[tokio::test]
async fn what_is_bound_at_the_start_needs_a_restart() {
    let daemon = Daemon::started().await;
    let Reloaded::Refused { why } = daemon.edits("http_port = 80", "http_port = 8080").await else { panic!("taken") };
    assert!(why.contains("`server.http_port` changes from 80 to 8080, which needs a restart"), "{why}");
}

/// Reloads while readers take the site and the renderer: each pair belongs to one file.
#[tokio::test]
async fn readers_never_see_a_mixture() {
    let daemon = Daemon::started().await;
    let scope = WipeScope::BlankDiskOnly;
    let arm = Event::Armed { id: AttemptId::from_random([1; 4]), scope };
    daemon.store.change(compute2(), Change::Event { event: arm, mark: None }).await.unwrap();
    let own = daemon.folder.path().join("own/templates/ipxe");
    std::fs::create_dir_all(&own).unwrap();
    let receiver = daemon.receiver.clone();
    let stop = tokio_util::sync::CancellationToken::new();
    let order = stop.clone();
    let reader = std::thread::spawn(move || {
        let mut seen = 0;
        while !order.is_cancelled() {
            let served = receiver.borrow().clone();
            let node = served.site.node_by_name("compute2").unwrap();
            let token = BootToken::from_random([0; 16]);
            let text = served.renderer.boot_script_install(&served.site, node, &token).unwrap();
            // The first site has rackstart's own template; the later ones name themselves in both places.
            if let Some(mark) = text.lines().find_map(|line| line.strip_prefix("# template of ")) {
                assert!(text.contains(&format!("site={mark}")), "{text}");
                seen += 1;
            }
        }
        seen
    });
    for round in 0..6 {
        let template = format!("#!ipxe\n# template of round{round}\n{{{{ arguments }}}}\n");
        std::fs::write(own.join("install.ipxe.j2"), template).unwrap();
        let templates = format!(
            "templates = \"{}\"\nkernel_args = \"site=round{round}\"",
            own.ancestors().nth(2).unwrap().display()
        );
        let outcome = daemon.edits("kernel_args = \"\"", &templates).await;
        assert!(matches!(outcome, Reloaded::Swapped { .. }), "{outcome:?}");
    }
    stop.cancel();
    assert!(reader.join().unwrap() > 0, "the reader saw reloaded sites");
}

#[tokio::test]
async fn a_node_is_added_only_to_a_file_that_stays_good_and_nothing_else_in_it_changes() {
    let daemon = Daemon::started().await;
    let file = daemon.folder.path().join("rackstart.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let node = |name: &str, last: u8| NewNode {
        name: name.into(),
        role: Some("compute".into()),
        address: [192, 168, 0, last].into(),
        firmware: None,
        disk: "{ name = \"sda\", size = \"250 GB\" }".into(),
        card: "eth0".into(),
        mac: "52:54:00:a8:0a:01".parse().unwrap(),
        place: None,
    };
    let add = |name: &'static str, last, write| {
        let (reloader, node) = (&daemon.reloader, node(name, last));
        async move { reloader.add_node(&Actor::socket(0, None), &node, write).await }
    };
    let refused = add("compute10", 2, true).await.unwrap_err();
    let NotAdded::Refused(LoadError::Problems(problems)) = refused else { panic!("{refused:?}") };
    let excerpt = &problems.excerpts()[0];
    assert!(excerpt.message.contains("share the address 192.168.0.2"), "{excerpt:?}");
    let meant = excerpt.lines.iter().find(|(.., meant)| *meant).unwrap();
    assert_eq!(meant.1, "address = \"192.168.0.2\"");
    add("compute10", 10, false).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before, "it was only looked at");
    add("compute10", 10, true).await.unwrap();
    let after = std::fs::read_to_string(&file).unwrap();
    assert_eq!(after, config::with_node(&before, &node("compute10", 10)).unwrap());
    assert!(daemon.served().site.node_by_name("compute10").is_none(), "nothing is loaded by it");
    let lines = daemon.store.audit_lines(crate::store::AuditFilter::default()).await.unwrap();
    let adds = lines.iter().filter(|line| line.action == "adopt");
    assert_eq!(adds.map(|line| line.subject.as_str()).collect::<Vec<_>>(), ["compute10"]);
}
