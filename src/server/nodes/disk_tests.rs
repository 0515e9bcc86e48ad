//! Disks over HTTP: what is promised, what is found, what is kept.

use std::path::Path;

use axum::http::StatusCode;

use super::tests::{FakeNode, SECTORS, facts_as_planned};
use crate::audit::Actor;
use crate::lifecycle::WipeScope;
use crate::secrets::DISK_PASSPHRASE;
use crate::server::operate::{Refusal, secrets};
use crate::site::testing::paper_site;
use crate::site::{DiskRule, DiskSlot, Mib, Node, PartitionUse, SecretSpec, Site, SizeSpec};

/// The paper's site with compute2 changed.
fn site_with(change: impl Fn(&mut Node)) -> Site {
    let mut site = paper_site();
    change(site.nodes.iter_mut().find(|node| node.name.as_str() == "compute2").unwrap());
    site
}

/// An armed node whose brick may be kept.
async fn keeping(state: &Path) -> FakeNode {
    let site = site_with(|node| node.keep = vec!["vg_gluster".into()]);
    let node = FakeNode::of(site, state).await;
    node.arm(1, WipeScope::BlankDiskOnly).await;
    node
}

/// An armed node whose brick is on a separate disk.
async fn with_a_brick_disk(state: &Path) -> FakeNode {
    let site = site_with(|node| {
        let rule = DiskRule { serial: Some("B-1".into()), ..DiskRule::of(976_773_168, 512) };
        node.disks.push(DiskSlot { slot: "brick".into(), rule });
        node.layout.partitions[2].disk = Some("brick".into());
    });
    let node = FakeNode::of(site, state).await;
    node.arm(1, WipeScope::BlankDiskOnly).await;
    node
}

#[tokio::test]
async fn one_permit_gives_commands_for_one_choice_of_disks() {
    let folder = tempfile::tempdir().unwrap();
    let site = site_with(|node| node.disks[0].rule.name = None); // a rule that two equal disks match
    let node = FakeNode::of(site, folder.path()).await;
    node.arm(1, WipeScope::DestroyData).await;
    let token = node.boots().await.unwrap();
    let form = |disk: &str| format!("disk={disk}&sectors={SECTORS}&sector_size=512&blank=no");
    let ask = async |disk: &str| node.post(&format!("/permit/{token}"), &form(disk)).await;
    let first = ask("sda").await;
    assert!(first.status == StatusCode::OK && first.text.contains("--drives=sda"), "{}", first.text);
    let other = ask("sdb").await;
    assert!(other.status == StatusCode::GONE && other.text.contains("other disks"), "{}", other.text);
    let events = node.appliance.store.events(Some(node.mac), 9).await;
    let told: Vec<_> = events.iter().filter(|event| event.kind == "other-disks").collect();
    assert!(told.len() == 1 && told[0].state == "installing", "{told:?}");
    assert!(told[0].detail.contains("sdb") && told[0].detail.contains("was redeemed for"), "{told:?}");
    assert!(told[0].detail.split("redeemed for").nth(1).unwrap().contains("sda"), "{told:?}");
    for _ in 0..50 {
        ask("sdb").await;
    }
    let events = node.appliance.store.events(Some(node.mac), 99).await;
    assert!(events.iter().filter(|event| event.kind == "other-disks").count() <= 5, "a few a minute");
    assert_eq!(ask("sda").await.text, first.text, "an answer that was lost may be asked for again");
    assert_eq!(node.appliance.store.record(node.mac).unwrap().frozen.unwrap().disks["os"], "sda");
}

const TABLE: &str = "1:2048:1024000,2:1026048:43008000,3:44034048:444362752";

fn keeping_form(table: &str, identities: &str) -> String {
    let disk = format!("disk.os=sda&sectors.os={SECTORS}&sector_size.os=512&blank.os=no&found.os=partition+1");
    format!("{disk}&table.os={table}&identities={}", identities.replace(' ', "+").replace('\n', "%0A"))
}

#[tokio::test]
async fn a_disk_that_is_not_as_planned_ends_in_failed_with_every_line_and_is_never_healed() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    let early = node.attests(&token).await;
    assert_eq!(early.status, StatusCode::GONE, "it has no disk yet");
    assert!(early.text.starts_with("this boot has not redeemed its wipe permit"), "{}", early.text);
    node.redeems(&token).await;
    for broken in ["", "end\nx", "partition sda\nend\n", &"label sda gpt\n".repeat(3000)] {
        assert_eq!(node.sends_facts(&token, broken).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(node.sends_facts(&token, &"x".repeat(200_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(node.state(), "installing");
    let facts = facts_as_planned().replace("lv_root L-root 20480000", "lv_root L-root 20512768");
    let answer = node.sends_facts(&token, &facts.replace("43008000", "43008001").replace("5249", "5255")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let expected = "the disks are not as planned:\nvolume group vg_base has 5255 extents; planned: 5249\n\
                    logical volume vg_base/lv_root has 20512768 sectors; planned: 20480000\n";
    assert_eq!(answer.text, expected);
    for event in ["installed", "firstboot-started", "ready"] {
        assert_eq!(node.reports(&token, event, 9).await, StatusCode::CONFLICT);
    }
    assert_eq!(node.state(), "failed");
    assert_eq!(node.boots().await, None);
}

#[tokio::test]
async fn a_reimage_keeps_the_brick_that_was_recorded_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let node = keeping(folder.path()).await;
    let token = node.boots().await.unwrap();
    node.redeems(&token).await;
    node.attests(&token).await;
    node.reports(&token, "ready", 1).await;
    assert_eq!(node.state(), "ready");

    node.arm(2, WipeScope::KeepVolumeGroups).await;
    let token = node.boots().await.unwrap();
    let path = format!("/permit/{token}");
    let recorded = "vg vg_gluster V-gluster\npv vg_gluster P-gluster\nlv vg_gluster/lv_gluster L-gluster\n";
    for (form, word) in [
        (keeping_form(TABLE, ""), "what should be kept is not on the disks of compute2: vg vg_gluster V-gluster"),
        (keeping_form(TABLE, &recorded.replace("P-gluster", "P-other")), "pv vg_gluster P-gluster; found:"),
        (keeping_form(TABLE, &recorded.replace("L-gluster", "L-other")), "lv vg_gluster/lv_gluster L-gluster"),
        (keeping_form(TABLE, &format!("{recorded}pv vg_gluster P-more\n")), "hold more than was recorded"),
        (keeping_form(&TABLE.replace("43008000", "42008000"), recorded), "partition 2 of sda has 42008000 sectors"),
        (keeping_form("", recorded), "partition 1 of sda is missing"),
    ] {
        let answer = node.post(&path, &form).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        assert!(answer.text.contains(word), "{}", answer.text);
    }
    assert_eq!(node.state(), "armed", "a refusal spends nothing");
    let answer = node.post(&path, &keeping_form(TABLE, recorded)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    for line in [
        "# scope: keep-volume-groups",
        "# keep: pv vg_gluster P-gluster",
        "clearpart --none",
        "part /boot --fstype=ext4 --onpart=sda1",
        "part pv.02 --onpart=sda3 --noformat",
        "logvol / --vgname=vg_base --name=lv_root --useexisting --fstype=ext4",
        "logvol /export/gluster --vgname=vg_gluster --name=lv_gluster --noformat",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line} is not in {}", answer.text);
    }
    assert!(!answer.text.contains("zerombr") && !answer.text.contains("--all"), "{}", answer.text);

    // After that it may be kept again, but never after a wiping reimage that did not finish.
    assert_eq!(node.attests(&token).await.status, StatusCode::NO_CONTENT);
    node.reports(&token, "ready", 1).await;
    node.arm(3, WipeScope::DestroyData).await;
    let token = node.boots().await.unwrap();
    assert_eq!(node.redeems(&token).await.status, StatusCode::OK);
    node.reports(&token, "install-failed", 1).await;
    node.arm(4, WipeScope::KeepVolumeGroups).await;
    let token = node.boots().await.unwrap();
    let answer = node.post(&format!("/permit/{token}"), &keeping_form(TABLE, recorded)).await;
    assert!(answer.status == StatusCode::CONFLICT && answer.text.contains("never recorded"), "{}", answer.text);
}

#[tokio::test]
async fn an_edited_site_file_cannot_change_the_plan_of_a_boot() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    node.edit(|site| {
        let node = site.nodes.iter_mut().find(|node| node.name.as_str() == "compute2").unwrap();
        node.layout.partitions[1].size = SizeSpec::Exact(Mib(20000));
        node.layout.volume_groups[0].logical_volumes.pop();
        node.layout.volume_groups[1].name = "vg_new".into();
        node.layout.partitions[2].purpose = PartitionUse::PhysicalVolume { volume_group: "vg_new".into() };
    });
    // %pre looks on every other disk for the groups that this boot will make; not for those of the next boot.
    let kickstart = node.get(&format!("/kickstart/{token}")).await.text;
    assert!(kickstart.contains("vg_gluster") && !kickstart.contains("vg_new"), "{kickstart}");
    let answer = node.redeems(&token).await;
    assert!(answer.text.contains("part pv.01 --size=21000 "), "{}", answer.text);
    assert_eq!(node.attests(&token).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_installer_is_never_given_the_texts_of_another_release() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let token = node.boots().await.unwrap();
    node.edit(|site| {
        let node = site.nodes.iter_mut().find(|node| node.name.as_str() == "compute2").unwrap();
        node.release = "9".parse().unwrap();
    });
    for answer in [node.get(&format!("/kickstart/{token}")).await, node.redeems(&token).await] {
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        assert!(answer.text.contains("wants release 9 on compute2") && answer.text.contains("reboot it"));
    }
    assert_eq!(node.state(), "armed", "nothing was spent");
}

#[tokio::test]
async fn two_slots_are_two_disks_and_each_is_compared_with_its_own_rule() {
    let folder = tempfile::tempdir().unwrap();
    let node = with_a_brick_disk(folder.path()).await;
    let token = node.boots().await.unwrap();
    let path = format!("/permit/{token}");
    let os = format!("disk.os=sda&sectors.os={SECTORS}&sector_size.os=512&blank.os=yes");
    let brick = "disk.brick=sdb&sectors.brick=976773168&sector_size.brick=512&blank.brick=yes&serial.brick=B-1";
    for (form, status, word) in [
        (os.clone(), StatusCode::BAD_REQUEST, "`disk.brick` is missing"),
        (format!("{os}&{}", brick.replace("sdb", "sda")), StatusCode::CONFLICT, "are the same disk, sda"),
        (format!("{os}&{}", brick.replace("B-1", "B-2")), StatusCode::CONFLICT, "the serial number of disk sdb"),
        (format!("{os}&{}", brick.replace("yes", "no")), StatusCode::CONFLICT, "disk sdb is not blank"),
    ] {
        let answer = node.post(&path, &form).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains(word), "{}", answer.text);
    }
    let answer = node.post(&path, &format!("{os}&{brick}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    for line in
        ["# disk of brick: sdb", "ignoredisk --only-use=sda,sdb", "clearpart --all --initlabel --drives=sda,sdb"]
    {
        assert!(answer.text.lines().any(|found| found == line), "{line} is not in {}", answer.text);
    }
    assert!(answer.text.contains(" --ondisk=sdb"), "{}", answer.text);
}

/// An armed node with an encrypted brick, and the passphrase that was made for it.
async fn encrypted(state: &Path) -> (FakeNode, String) {
    let mut site = site_with(|node| {
        node.layout.volume_groups[1].encrypted = true;
        node.layout.volume_groups[1].logical_volumes[0].size = SizeSpec::Grow(Mib(4000));
    });
    let spec = SecretSpec { targets: vec![], paper: None, steps: vec![] };
    site.blueprint.secrets.insert(DISK_PASSPHRASE.into(), spec);
    let blueprint = site.blueprint.clone();
    let node = FakeNode::of(site, state).await;
    node.appliance.store.open_secrets(None, &blueprint).await.unwrap();
    node.arm(1, WipeScope::BlankDiskOnly).await;
    let passphrase = node.appliance.store.secrets(&node.appliance.site())[DISK_PASSPHRASE].reveal().to_string();
    (node, passphrase)
}

#[tokio::test]
async fn the_passphrase_of_encrypted_disks_leaves_with_the_permit_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (node, passphrase) = encrypted(folder.path()).await;
    let token = node.boots().await.unwrap();
    let kickstart = node.get(&format!("/kickstart/{token}")).await;
    assert!(kickstart.status == StatusCode::OK && !kickstart.text.contains(&passphrase));
    let early = node.post(&format!("/permit/{token}"), "disk=sda&sectors=1&sector_size=512&blank=yes").await;
    assert!(early.status != StatusCode::OK && !early.text.contains(&passphrase), "{}", early.text);
    let form = format!("disk=sda&sectors={SECTORS}&sector_size=512&blank=yes");
    let answer = node.post(&format!("/permit/{token}"), &form).await;
    let wanted = format!(" --encrypted --passphrase={passphrase}");
    assert!(answer.status == StatusCode::OK && answer.text.contains(&wanted), "{}", answer.text);
    assert_eq!(answer.text.matches(&passphrase).count(), 1, "vg_base is in the clear");
    let payload = node.get(&format!("/firstboot/{token}")).await;
    assert!(!payload.text.contains(&passphrase));
    let site = node.appliance.site();
    let compute2 = site.node_by_name("compute2").unwrap();
    let texts = crate::render::texts_of_node(&crate::render::Renderer::new().unwrap(), &site, compute2).unwrap();
    assert!(texts["kickstart"].contains("--encrypted --passphrase=***"), "{}", texts["kickstart"]);
    assert!(!texts.values().any(|text| text.contains(&passphrase)));
}

#[tokio::test]
async fn the_login_at_a_registry_leaves_with_the_permit_and_was_given_by_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let container = crate::site::testing::container();
    let (name, spec) = (container.password(), SecretSpec { targets: vec![], paper: None, steps: vec![] });
    let mut site = site_with(|node| node.container = Some(container.clone()));
    site.blueprint.secrets.insert(name.clone(), spec);
    let blueprint = site.blueprint.clone();
    let node = FakeNode::of(site, folder.path()).await;
    node.appliance.store.open_secrets(None, &blueprint).await.unwrap();
    node.arm(1, WipeScope::BlankDiskOnly).await;
    let token = node.boots().await.unwrap();
    let form = format!("disk=sda&sectors={SECTORS}&sector_size=512&blank=yes");
    let ask = async || node.post(&format!("/permit/{token}"), &form).await;
    let refused = ask().await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("`rackstart secrets set REGISTRY_PASSWORD_WEB`"), "{}", refused.text);
    let (site, store) = (node.appliance.site(), &node.appliance.store);
    let who = Actor { how: "console uid 0".into(), from: "this machine".into() };
    secrets::set(&site, store, &who, name.clone(), "correct horse".into()).await.unwrap();
    let basic = "cm9ib3Q6Y29ycmVjdCBob3JzZQ==";
    for path in [format!("/kickstart/{token}"), format!("/firstboot/{token}")] {
        let text = node.get(&path).await.text;
        assert!(!text.contains(basic) && !text.contains("correct horse"), "{path}");
    }
    let answer = ask().await;
    assert!(answer.status == StatusCode::OK && answer.text.matches(basic).count() == 1, "{}", answer.text);
    assert!(secrets::rotate(&site, store, &who, Some(name.clone())).await.is_err());
    let all = secrets::rotate(&site, store, &who, None).await.unwrap();
    assert!(!all.names.contains(&name), "{:?}", all.names);
}

#[tokio::test]
async fn a_passphrase_that_disks_open_with_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (node, passphrase) = encrypted(folder.path()).await;
    let (site, store) = (node.appliance.site(), &node.appliance.store);
    let who = Actor { how: "console uid 0".into(), from: "this machine".into() };
    let set = async |value: &str| secrets::set(&site, store, &who, DISK_PASSPHRASE.into(), value.into()).await;
    for bad in ["with a # in it", "two words", "quo\"ted \\ words", "pässwörter"] {
        assert!(matches!(set(bad).await, Err(Refusal::Unreadable(_))), "{bad}");
    }
    set("correct-horse-battery").await.expect("nothing is encrypted with the other one yet");
    assert_ne!(passphrase, "correct-horse-battery");
    let token = node.boots().await.unwrap();
    let form = format!("disk=sda&sectors={SECTORS}&sector_size=512&blank=yes");
    let answer = node.post(&format!("/permit/{token}"), &form).await;
    assert!(answer.text.contains("--passphrase=correct-horse-battery"), "{}", answer.text);
    let refused = set("another-horse-battery").await.unwrap_err();
    assert!(refused.to_string().contains("the disks of compute2 open with"), "{refused}");
    let all = secrets::rotate(&site, store, &who, None).await.unwrap();
    assert!(!all.names.iter().any(|name| name == DISK_PASSPHRASE), "{:?}", all.names);
    assert!(secrets::rotate(&site, store, &who, Some(DISK_PASSPHRASE.into())).await.is_err());
    assert_eq!(store.secrets(&site)[DISK_PASSPHRASE].reveal(), "correct-horse-battery");
}
