//! The real program as an operator meets it: started on a network of the test's own, asked by its own command line,
//! killed, restarted, stopped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::rack::{BOOT, Rack, text};
use crate::support::network_lab::{CARD, Machine, inside, lay_cable, run, wait_until};
use crate::support::serving::{PROGRAM, Serving};

const SERVER: &str = "192.168.0.254:80";

#[test]
fn an_operator_can_follow_explain_and_reimage() {
    inside(|| {
        let rack = Rack::powered();
        let status = rack.says(&["status"]);
        assert_eq!(status.lines().count(), 6, "{status}");
        assert!(status.contains("its next network boot installs if the disk is blank"), "{status}");

        let stranger = rack.says(&["explain", "52:54:00:99:99:99"]);
        assert!(
            stranger.contains("is in no site file") && stranger.contains("no answer: no node has the MAC"),
            "{stranger}"
        );
        for words in [&["install", "compute9"][..], &["disarm", "compute9"], &["reimage", "compute9", "--yes"]] {
            assert_eq!(rack.cli(words).status.code(), Some(2), "{words:?}");
        }
        let unknown = rack.cli(&["explain", "compute9"]);
        assert_eq!(unknown.status.code(), Some(2));
        let unknown = text(&unknown.stderr);
        assert!(unknown.contains("did you mean `compute1`? nodes: compute1"), "{unknown}");

        let token = rack.boots().expect("armed");
        assert_eq!(rack.redeems(&token), "200");
        assert_eq!(rack.state(), "installing");
        let busy = rack.cli(&["reimage", "compute2", "--yes"]);
        assert_eq!(busy.status.code(), Some(1));
        assert!(text(&busy.stderr).contains("power-cycle it"), "{}", text(&busy.stderr));
        assert_eq!(rack.attests(&token), "204");
        let waits = "event=waiting&seq=1&step=02-glusterfs-all/04-start&number=4&total=8&detail=tcp+24007+on+compute3";
        assert_eq!(rack.posts(&format!("report/{token}"), waits), "204");
        let status = rack.says(&["status"]);
        assert!(status.contains("4/8 02-glusterfs-all/04-start") && status.contains("waits for tcp 24007"), "{status}");
        let why = rack.says(&["explain", "compute2"]);
        assert!(why.contains("state firstboot") && why.contains("permit-redeemed"), "{why}");
        assert!(why.contains("the local disk, because it is installed"), "{why}");
        assert!(!why.contains(&token) && !status.contains(&token), "a token is shown to nobody");

        assert_eq!(rack.posts(&format!("report/{token}"), "event=ready&seq=2"), "204");
        let unasked = rack.cli(&["reimage", "compute2", "--force", "--reason", "test"]);
        assert_eq!(unasked.status.code(), Some(2), "there is no terminal to ask on");
        assert_eq!(rack.state(), "ready");
        let safe = rack.cli(&["install", "compute2"]);
        assert!(text(&safe.stderr).contains("use `rackstart reimage`"), "{}", text(&safe.stderr));
        // The other compute nodes, which hold the copies of its brick, are not ready.
        let reimage = ["reimage", "compute2", "--yes", "--force", "--reason", "test", "--no-drain", "it is played"];
        let armed = rack.says(&reimage);
        assert!(armed.contains("WIPES the disk with name sda, 488397168 sectors"), "{armed}");
        assert!(armed.contains("reboot it now"), "{armed}");
        assert!(rack.says(&["status"]).contains("its next network boot WIPES the disk"));
        assert!(rack.says(&["explain", "compute2"]).contains("the installer, which WIPES the disk"));
        let as_uefi = rack.machine.run(&format!("curl -sSf -m 5 {BOOT}?arch=efi-x64"));
        assert!(as_uefi.contains("it started as efi-x64") && !as_uefi.contains("/kickstart/"), "{as_uefi}");
        assert!(rack.says(&["disarm", "compute2"]).contains("compute2 is disarmed: it is ready"));
        assert_eq!(rack.boots(), None, "disarmed in time");
        rack.says(&reimage);
        assert!(rack.boots().is_some(), "armed again");
        let late = rack.cli(&["watch", "--until-ready", "--timeout", "1"]);
        assert_eq!(late.status.code(), Some(1));
        assert!(text(&late.stdout).contains("compute2 armed"), "{}", text(&late.stdout));
    });
}

#[test]
fn a_machine_in_no_site_file_is_lent_an_address_and_gets_as_far_as_its_own_screen() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        machine.run(&format!("ip link set {CARD} address 52:54:00:99:99:99"));
        let serving = Serving::started(|folder| {
            let file = folder.join("rackstart.toml");
            let site = std::fs::read_to_string(&file).unwrap().replace("# discovery =", "discovery =");
            std::fs::write(&file, site).unwrap();
            Serving::plain(folder)
        });
        let rack = Rack { serving, machine, node: "compute2", boot: BOOT };
        let script = rack.folder.path().join("script");
        let configures = format!("#!/bin/sh\n[ $1 = bound ] && ip address add $ip/24 dev {CARD}\nexit 0\n");
        std::fs::write(&script, configures).unwrap();
        run(&format!("chmod 755 {}", script.display()));
        rack.machine.run(&format!("busybox udhcpc -i {CARD} -f -n -q -t 5 -T 1 -s {}", script.display()));
        let addresses = rack.machine.run(&format!("ip -4 address show {CARD}"));
        assert!(addresses.contains("192.168.0.200/24"), "{addresses}");

        let told: serde_json::Value = serde_json::from_str(&rack.says(&["strangers", "--json"])).unwrap();
        let stranger = &told.as_array().unwrap()[0];
        assert_eq!((&stranger["mac"], &stranger["address"]), (&"52:54:00:99:99:99".into(), &"192.168.0.200".into()));
        let program = rack.folder.path().join("program");
        let get = |url: &str| rack.machine.run(&format!("curl -sSf -m 5 -o {} {url}", program.display()));
        get("tftp://192.168.0.254/undionly.kpxe");
        assert!(std::fs::metadata(&program).unwrap().len() > 10_000);
        // Firmware that expects a Windows server, and firmware that reads option 67 up to a zero byte.
        get("tftp://192.168.0.254/%5cundionly.kpxe%ff");
        let screen = rack.machine.run("curl -sSf -m 5 http://192.168.0.254/boot/52-54-00-99-99-99");
        assert!(screen.starts_with("#!ipxe") && screen.contains("My MAC is 52:54:00:99:99:99"), "{screen}");
        assert_eq!(rack.redeems("00112233445566778899aabbccddeeff"), "404", "no permit for a stranger");

        let why = rack.says(&["explain", "52:54:00:99:99:99"]);
        assert!(why.contains("is in no site file") && why.contains("a screen with its MAC"), "{why}");
        assert!(why.contains("DHCPACK 192.168.0.200"), "{why}");

        // For a UEFI machine `explain` names the loader that it would get.
        let pxe = "-V PXEClient:Arch:00007:UNDI:003016 -x 0x5d:0007";
        rack.machine.run(&format!("busybox udhcpc -i {CARD} -f -n -q -t 5 -T 1 {pxe} -s {}", script.display()));
        let why = rack.says(&["explain", "52:54:00:99:99:99"]);
        let firmware = why.lines().find(|line| line.contains("its firmware, by DHCP")).unwrap();
        assert!(firmware.contains("snponly.efi"), "{why}");

        // What its loader tells is in the list; then it becomes a node, and every other letter of the file stays.
        rack.machine.run(&format!("curl -sSf -m 5 -o {} {STRANGER}?serial=XY7&maker=Acme%20Ltd", program.display()));
        let told = rack.says(&["strangers"]);
        let line = told.lines().find(|line| line.contains("52:54:00:99:99:99")).unwrap();
        assert!(["efi-x64", "192.168.0.200", "Acme Ltd", "XY7"].iter().all(|word| line.contains(word)), "{told}");
        let before = std::fs::read_to_string(rack.file()).unwrap();
        let words = ["adopt", "52:54:00:99:99:99", "--name", "compute5", "--role", "compute", "--firmware", "bios"];
        let dry = rack.says(&[&words[..], &["--dry-run"]].concat());
        assert_eq!(std::fs::read_to_string(rack.file()).unwrap(), before);
        let adopted = rack.says(&words);
        assert!(adopted.starts_with(&dry) && adopted.contains("rackstart reload"), "{adopted}");
        let after = std::fs::read_to_string(rack.file()).unwrap();
        assert_eq!(after.replace(&format!("\n{dry}"), ""), before);
        assert!(rack.fails(&words).1.contains("is already in the site file"));
        assert!(rack.says(&["audit", "--action", "adopt"]).contains("compute5"));
        rack.says(&["reload"]);
        assert!(rack.says(&["strangers"]).starts_with("no machine asked"));
        assert!(rack.says(&["status"]).contains("compute5"));
    });
}

const STRANGER: &str = "http://192.168.0.254/boot/52-54-00-99-99-99";

#[test]
fn a_daemon_killed_at_any_step_neither_wipes_twice_nor_forgets() {
    inside(|| {
        let mut rack = Rack::powered();
        rack.kill_and_restart();
        let first = rack.boots().expect("armed");
        rack.kill_and_restart();
        let second = rack.boots().expect("nothing was touched, so it may try again");
        assert_eq!(rack.redeems(&first), "410");
        assert_eq!(rack.redeems(&second), "200");
        rack.kill_and_restart();
        assert_eq!(rack.state(), "installing");
        assert_eq!(rack.redeems(&second), "200", "the answer was lost, the same boot asks again");
        assert_eq!(
            rack.posts(&format!("report/{second}"), "event=installed&seq=3"),
            "409",
            "nobody looked at its disk"
        );
        assert_eq!(rack.attests(&second), "204");
        rack.kill_and_restart();
        assert_eq!(rack.posts(&format!("report/{second}"), "event=installed&seq=4"), "204");
        rack.kill_and_restart();
        assert_eq!(rack.state(), "firstboot");
        assert_eq!(rack.boots(), None);
        assert_eq!(rack.redeems(&second), "410");
        assert_eq!(rack.posts(&format!("report/{second}"), "event=ready&seq=1"), "204");
        for _ in 0..3 {
            rack.kill_and_restart();
            assert_eq!(rack.boots(), None);
        }
        assert_eq!(rack.state(), "ready");
    });
}

#[test]
fn sigterm_lets_a_transfer_finish_and_ends_with_0() {
    inside(|| {
        let mut rack = Rack::powered_with(|folder| {
            std::fs::write(folder.join("tree/images/pxeboot/initrd.img"), vec![8; 20_000_000]).unwrap();
        });
        let file = rack.folder.path().join("fetched");
        let url = "http://192.168.0.254/tree/centos6/images/pxeboot/initrd.img";
        let fetch = format!("curl -sSf -m 20 --limit-rate 10M -o {} {url}", file.display());
        let machine = &rack.machine;
        let (ended, took) = std::thread::scope(|scope| {
            let transfer = scope.spawn(|| machine.run(&fetch));
            wait_until("the transfer runs", || std::fs::metadata(&file).is_ok_and(|data| data.len() > 100_000));
            let began = Instant::now();
            run(&format!("kill -TERM {}", rack.serving.daemon.id()));
            let ended = rack.serving.daemon.wait().unwrap();
            transfer.join().unwrap();
            (ended, began.elapsed())
        });
        assert_eq!(ended.code(), Some(0));
        let state = rack.folder.path().join("state");
        assert!(state.join("rackstart.sqlite").exists() && !state.join("rackstart.sqlite-wal").exists(), "not closed");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 20_000_000);
        assert!(took < Duration::from_secs(12), "bounded: {took:?}");
    });
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_stop_the_daemon() {
    inside(|| {
        let mut rack = Rack::powered();
        rack.kill();
        let (unread, log) = std::io::pipe().unwrap();
        drop(unread);
        let mut command = Command::new(PROGRAM);
        rack.serving.daemon = command.current_dir(rack.folder.path()).arg("serve").stderr(log).spawn().unwrap();
        wait_until("the daemon answers", || rack.cli(&["status"]).status.success());
        let token = rack.boots().expect("armed");
        assert_eq!(rack.redeems(&token), "200");
        assert_eq!(rack.state(), "installing");
        assert!(rack.serving.daemon.try_wait().unwrap().is_none());
    });
}

#[test]
fn a_reader_of_the_log_that_stops_reading_stops_nothing_and_learns_later_what_it_missed() {
    inside(|| {
        let mut rack = Rack::powered();
        rack.kill();
        let (mut unread, log) = std::io::pipe().unwrap();
        let mut command = Command::new(PROGRAM);
        // With every packet in the log: no limit of lines stands before the queue.
        command.env("RUST_LOG", "rackstart=debug");
        rack.serving.daemon = command.current_dir(rack.folder.path()).arg("serve").stderr(log).spawn().unwrap();
        drop(command); // its end of the pipe would keep the log open
        wait_until("the daemon answers", || rack.cli(&["status"]).status.success());
        let socket = rack.machine.socket(|| Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap());
        let tftp: SocketAddr = "192.168.0.254:69".parse().unwrap();
        // Requests to write are refused, each with its lines, of which the queue holds 8,192. The kernel drops what comes while
        // the daemon has no turn, so what counts is what was answered.
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (mut sent, mut answered) = (0, 0);
        while answered < 12_000 {
            assert!(sent < 200_000, "{answered} of {sent} requests were answered");
            for _ in 0..100 {
                socket.send_to(b"\0\x02nothing\0octet\0", &tftp.into()).unwrap();
            }
            sent += 100;
            let mut answer = [std::mem::MaybeUninit::uninit(); 600];
            answered += (0..100).take_while(|_| socket.recv_from(&mut answer).is_ok()).count();
        }
        let token = rack.boots().expect("HTTP answers although the log is full");
        assert_eq!(rack.redeems(&token), "200");
        let program =
            rack.machine.run("curl -sSf -m 60 -o /dev/null -w %{size_download} tftp://192.168.0.254/undionly.kpxe");
        assert!(program.parse::<u64>().unwrap() > 10_000, "TFTP answers: {program}");
        let told = std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut unread, &mut text).unwrap();
            text
        });
        std::thread::sleep(Duration::from_secs(1));
        run(&format!("kill -TERM {}", rack.serving.daemon.id()));
        assert!(rack.serving.daemon.wait().unwrap().success());
        let told = told.join().unwrap();
        assert!(told.contains("the log was not read fast enough: lines were dropped"), "{} bytes", told.len());
        assert!(told.contains("stopping"), "it flows again");
    });
}

#[test]
fn sighup_takes_over_the_site_file_and_the_daemon_goes_on() {
    inside(|| {
        let rack = Rack::powered();
        for _ in 0..2 {
            run(&format!("kill -HUP {}", rack.serving.daemon.id()));
        }
        wait_until("the log says it", || rack.log().contains("reloaded the site file"));
        assert!(rack.boots().is_some(), "it still serves");
    });
}

#[test]
fn signals_that_are_meant_for_others_end_nothing() {
    inside(|| {
        let rack = Rack::powered();
        for name in ["USR1", "USR2", "PIPE", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "XFSZ", "WINCH", "URG"] {
            run(&format!("kill -{name} {}", rack.serving.daemon.id()));
        }
        wait_until("the log says it", || rack.log().contains("SIGUSR1 does nothing"));
        assert!(rack.boots().is_some(), "it still serves");
    });
}

#[test]
fn only_the_provisioning_interface_is_answered_and_a_hoarder_of_connections_stops_nobody() {
    inside(|| {
        let rack = Rack::powered();
        let machine = &rack.machine;
        machine.other_cable();
        machine.run("ip route add 192.168.0.254/32 via 10.9.9.1 dev node1");
        let through_other_card = machine.socket(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let refused = connect(&socket).unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            socket
        });
        drop(through_other_card);
        machine.run("ip route delete 192.168.0.254/32 via 10.9.9.1 dev node1");

        machine.run(&format!("ip address add 192.168.0.66/24 dev {CARD}"));
        let hoard: Vec<Socket> = (0..20).map(|_| machine.socket(|| connected("192.168.0.66:0"))).collect();
        wait_until("the log says it", || rack.log().contains("this peer has 16 connections already"));
        assert_eq!(rack.log().matches("connections already").count(), 1, "one line a minute");
        assert!(rack.boots().is_some(), "a node is served meanwhile");
        drop(hoard);
    });
}

fn connected(from: &str) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&from.parse::<SocketAddr>().unwrap().into()).unwrap();
    connect(&socket).unwrap();
    socket
}

fn connect(socket: &Socket) -> std::io::Result<()> {
    socket.connect_timeout(&SERVER.parse::<SocketAddr>().unwrap().into(), Duration::from_secs(5))
}

#[test]
fn what_keeps_the_daemon_from_starting_is_said_with_exit_code_1() {
    inside(|| {
        let rack = Rack::powered();
        let second = rack.cli(&["serve"]);
        assert_eq!(second.status.code(), Some(1));
        assert!(text(&second.stderr).contains("in use by another rackstart"), "{}", text(&second.stderr));
        assert_eq!(rack.state(), "armed", "the first one goes on");

        let site = rack.folder.path().join("rackstart.toml");
        let good = std::fs::read_to_string(&site).unwrap();
        std::fs::write(&site, good.replace("role = \"compute\"", "role = \"comptue\"")).unwrap();
        let bad = rack.cli(&["serve"]);
        assert_eq!(bad.status.code(), Some(1));
        assert!(text(&bad.stderr).contains("did you mean `compute`?"), "{}", text(&bad.stderr));
        assert_eq!(rack.state(), "armed", "a slip made in the file since then hides nothing");
        assert!(rack.says(&["explain", "compute2"]).contains("state armed"));

        std::fs::write(&site, good.replace("/sock\"", "/tree/.treeinfo\"").replace("/state\"", "/state2\"")).unwrap();
        let elsewhere = rack.cli(&["serve"]);
        assert_eq!(elsewhere.status.code(), Some(1));
        assert!(text(&elsewhere.stderr).contains("HTTP 192.168.0.254:80 of br0"), "{}", text(&elsewhere.stderr));
        assert!(!rack.folder.path().join("state2").exists(), "nothing is made before every port is had");
        assert!(text(&elsewhere.stderr).contains("another daemon has this port"), "{}", text(&elsewhere.stderr));

        let lonely: PathBuf = rack.folder.path().join("nobody");
        let away = rack.cli(&["status", "--socket", lonely.to_str().unwrap()]);
        assert_eq!(away.status.code(), Some(3));
        assert!(text(&away.stderr).contains("help: start it with `rackstart serve`"), "{}", text(&away.stderr));
    });
}

#[test]
fn a_card_that_took_over_the_address_of_a_node_gets_nothing_and_rings() {
    inside(|| {
        let rack = Rack::powered();
        let card = |mac: &str| {
            rack.machine.run(&format!("ip link set {CARD} down"));
            rack.machine.run(&format!("ip link set {CARD} address {mac}"));
            rack.machine.run(&format!("ip link set {CARD} up"));
        };
        let code = |path: &str| {
            let url = format!("http://192.168.0.254/{path}");
            rack.machine
                .run(&format!("curl -sS -m 5 --retry 5 --retry-connrefused -o /dev/null -w %{{http_code}} {url}"))
        };
        let token = rack.boots().expect("armed");
        assert_eq!(code(&format!("kickstart/{token}")), "200");
        card("52:54:00:99:99:99");
        assert_eq!(code("boot/52-54-00-a8-02-01"), "404", "not even a boot script");
        assert_eq!(rack.state(), "armed");
        assert_eq!(code(&format!("kickstart/{token}")), "404");
        assert_eq!(rack.state(), "suspect");
        card("52:54:00:a8:02:01");
        assert_eq!(rack.redeems(&token), "410", "the permit is withdrawn");
        let why = rack.says(&["explain", "compute2"]);
        assert!(why.contains("by the card 52:54:00:99:99:99, not 52:54:00:a8:02:01"), "{why}");
        assert!(rack.says(&["status"]).contains("52:54:00:99:99:99"));
        rack.says(&["clear-suspect", "compute2"]);
        rack.says(&["install", "compute2"]);
        let machine = |n: u8| format!("boot/52-54-00-a8-02-01?uuid=4c4c4544-0051-3510-8050-b4c04f4a353{n}");
        assert_eq!(code(&machine(1)), "200");
        assert_eq!(rack.state(), "armed");
        let nothing = rack.cli(&["accept-hardware", "compute2"]);
        assert_eq!(nothing.status.code(), Some(1));
        assert!(text(&nothing.stderr).contains("no other machine was seen as compute2"), "{}", text(&nothing.stderr));
        assert_eq!(code(&machine(2)), "200");
        assert_eq!(rack.state(), "suspect");
        let accepted = rack.says(&["accept-hardware", "compute2"]);
        assert!(accepted.contains("a3532 from now on, no longer UUID"), "{accepted}");
        assert!(rack.says(&["explain", "compute2"]).contains("its machine: UUID 4c4c4544-0051-3510-8050-b4c04f4a3532"));
    });
}
