//! The state on a small file system of its own that fills up: local boots, addresses and boot programs go on, an
//! installation is refused, and all is well once there is room, without a restart.

use std::time::{Duration, Instant};

use super::link::Link;
use super::node::{self, Dhcp, Node};
use super::site::Rack;
use crate::support::network_lab::{inside_with, run, wait_until};

/// The daemon promises 5 s; a busy machine may take ten times that.
const PATIENCE: Duration = Duration::from_secs(50);

#[test]
fn a_full_disk_stops_installations_alone_and_room_brings_them_back() {
    inside_with(&["unshare", "--mount", "--propagation", "private"], || {
        let link = Link::laid(1, 0);
        let mut rack = Rack::written(2);
        let state = rack.folder().join("state");
        std::fs::create_dir(&state).unwrap();
        run(&format!("mount -t tmpfs -o size=4m,mode=700 tmpfs {}", state.display()));
        rack.serve();
        let ready = link.on_the_other_side(|| node::runs(async |dhcp| node::lives(0, dhcp).await.map(drop)));
        assert_eq!(ready, Ok(()), "with room");

        let filler = state.join("filler");
        let _ = std::fs::write(&filler, vec![0; 4 << 20]); // as much of it as there is room for
        let pid = rack.pid();
        let told: Result<String, String> = link.on_the_other_side(|| {
            node::runs(async |dhcp: std::sync::Arc<Dhcp>| {
                for n in [0, 1] {
                    let node = Node::of(n);
                    let (_, file) = node.leases(&dhcp, "bios-rom-discover", 3).await?;
                    assert!(node.fetches(&file).await?.len() > 10_000, "TFTP goes on");
                }
                let (status, local) = Node::of(0).asks_once("/boot/52-54-0a-4d-00-01").await?;
                assert!(status == 200 && !local.contains("/kickstart/"), "{status} {local}");
                let (status, refused) = Node::of(1).asks_once("/boot/52-54-0a-4d-00-02").await?;
                assert!(!refused.contains("/kickstart/"), "{status} {refused}");
                Ok(refused)
            })
        });
        assert!(told.is_ok(), "on a full disk: {told:?}\n{}", rack.log_end());
        let full = "THE DISK OF THE STORE IS FULL";
        wait_until("status says so", || rack.says(&["status"]).contains(full));

        std::fs::remove_file(&filler).unwrap();
        let began = Instant::now();
        while rack.says(&["status"]).contains(full) {
            assert!(began.elapsed() < PATIENCE, "{}", rack.says(&["status"]));
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("all was well {:.1?} after there was room", began.elapsed());
        let ready = link.on_the_other_side(|| node::runs(async |dhcp| node::lives(1, dhcp).await.map(drop)));
        assert_eq!(ready, Ok(()), "with room again");
        assert_eq!(rack.pid(), pid, "it was not started again");
        assert!(rack.is_alive(), "{}", rack.log_end());
        run(&format!("umount --lazy {}", state.display()));
    });
}
