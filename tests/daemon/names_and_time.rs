//! Names and time for the nodes, asked with programs that nobody here wrote: dig, getent, ntpdate, ntpdig and chronyd.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::network_lab::{BRIDGE, CARD, Machine, inside, lay_cable, run, wait_until};
use crate::support::serving::{PROGRAM, Serving};

/// compute2 with a cable, its address, and a route back to an address outside its network.
fn compute2() -> Machine {
    lay_cable();
    let machine = Machine::plugged_in();
    machine.run(&format!("ip address add 192.168.0.2/24 dev {CARD}"));
    machine
}

/// The daemon, with `more` behind the key `dns` of its site file.
fn serving(more: &str) -> Serving {
    let more = more.to_string();
    Serving::started(move |folder| {
        let file = folder.join("rackstart.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let switches = ["\ndns = true\n", "\nntp = \"always\"\n"];
        assert!(switches.iter().all(|line| text.contains(line)));
        // When `more` sets the time servers itself, the line of the file is removed.
        let text = if more.contains("\nntp = ") { text.replace(switches[1], "\n") } else { text };
        std::fs::write(file, text.replace(switches[0], &format!("\n{more}\n"))).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("serve");
        command
    })
}

/// dnsmasq as the resolver of the world: on 127.0.0.1, with the records that its arguments name.
struct World(Child);

impl World {
    fn knows(arguments: &[&str]) -> Self {
        let mut command = Command::new("dnsmasq");
        command.args([
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
            "--pid-file=",
            "--no-daemon",
        ]);
        command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--port=53"]).args(arguments);
        let world = Self(command.stdin(Stdio::null()).spawn().expect("dnsmasq"));
        wait_until("dnsmasq answers", || dig("@127.0.0.1 version.bind chaos txt").contains("NOERROR"));
        world
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn dig(words: &str) -> String {
    let output = Command::new("dig").args("+time=5 +tries=1".split(' ')).args(words.split(' ')).output().expect("dig");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The answers of dig without anything else.
fn short(machine: &Machine, words: &str) -> Vec<String> {
    machine.run(&format!("dig @192.168.0.254 +time=5 +tries=1 +short {words}")).lines().map(str::to_string).collect()
}

fn whole(machine: &Machine, words: &str) -> String {
    machine.run(&format!("dig @192.168.0.254 +time=5 +tries=1 {words}"))
}

/// Programs that `tests/setup` unpacks, because to install them would set this machine's clock.
fn unpacked(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/clients").join(name);
    assert!(path.exists(), "{} is missing; `make setup` fetches it", path.display());
    path.display().to_string()
}

#[test]
fn names_of_the_site_need_nobody_else_and_others_fail_at_once_without_internet() {
    inside(|| {
        let machine = compute2();
        let serving = serving("dns = true\ndns_forwarders = [\"10.255.255.1\"]");
        assert_eq!(short(&machine, "compute3"), ["192.168.0.3"]);
        assert_eq!(short(&machine, "+noedns +tcp controller"), ["192.168.0.5"]);
        assert_eq!(short(&machine, "+noedns -x 192.168.0.4"), ["compute4."]);
        assert_eq!(short(&machine, "rackstart"), ["192.168.0.254"]);
        for (asked, status) in [
            ("compute3 aaaa", "NOERROR"),
            ("compute33", "NXDOMAIN"),
            ("-x 192.168.0.77", "NXDOMAIN"),
            ("www.example.org", "SERVFAIL"),
            ("+tcp www.example.org", "SERVFAIL"),
            ("example.org axfr", "SERVFAIL|REFUSED|failed"),
        ] {
            let began = Instant::now();
            let said = whole(&machine, asked);
            let is_right = status.split('|').any(|status| said.contains(status));
            assert!(is_right, "{asked}: {said}");
            assert!(began.elapsed() < Duration::from_secs(4), "{asked} took {:?}", began.elapsed());
        }
        // The resolver of libc, with the options that people set on EL6.
        let resolver = serving.folder.path().join("resolv.conf");
        std::fs::write(&resolver, "nameserver 192.168.0.254\noptions single-request rotate timeout:2\n").unwrap();
        let script = serving.folder.path().join("getent.sh");
        let nsswitch = serving.folder.path().join("nsswitch.conf");
        std::fs::write(&nsswitch, "hosts: dns\n").unwrap();
        let text = format!(
            "mount --make-rprivate /\nmount --bind {} /etc/resolv.conf\nmount --bind {} /etc/nsswitch.conf\n\
             getent ahostsv4 compute4\ngetent hosts 192.168.0.5\ngetent ahosts controller\n\
             getent hosts compute44 || echo none\ngetent hosts www.example.org || echo none\n",
            resolver.display(),
            nsswitch.display()
        );
        std::fs::write(&script, text).unwrap();
        let said = machine.run(&format!("unshare --mount sh -e {}", script.display()));
        assert!(said.contains("192.168.0.4") && said.contains("192.168.0.5     controller"), "{said}");
        assert_eq!(said.matches("none").count(), 2, "{said}");
    });
}

#[test]
fn other_names_are_asked_of_the_forwarder_also_long_ones_and_never_in_a_circle() {
    inside(|| {
        let machine = compute2();
        let long: Vec<String> =
            (0..12).map(|part| format!("--txt-record=long.example.org,{part}{}", "x".repeat(200))).collect();
        let mut records = vec!["--address=/www.example.org/10.1.2.3", "--host-record=six.example.org,2001:db8::6"];
        records.extend(long.iter().map(String::as_str));
        // What it does not know it asks of rackstart, which asks it: a circle, were it closed.
        records.push("--server=192.168.0.254");
        let _world = World::knows(&records);
        let serving = serving("dns = true\ndns_forwarders = [\"127.0.0.1\"]");
        assert_eq!(short(&machine, "www.example.org"), ["10.1.2.3"]);
        assert_eq!(short(&machine, "+noedns www.example.org"), ["10.1.2.3"]);
        assert_eq!(short(&machine, "+tcp WWW.Example.ORG"), ["10.1.2.3"]);
        assert_eq!(short(&machine, "six.example.org aaaa"), ["2001:db8::6"]);
        assert_eq!(short(&machine, "long.example.org txt").len(), 12, "dig comes again by TCP by itself");
        for room in ["+noedns", "+bufsize=512", "+bufsize=4096"] {
            let said = whole(&machine, &format!("{room} +ignore long.example.org txt"));
            assert!(said.contains("flags: qr tc") || said.contains(" tc "), "{said}");
        }
        let began = Instant::now();
        assert!(!whole(&machine, "unknown.example.net").contains("ANSWER: 1"));
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        drop(serving);
    });
}

#[test]
fn nobody_outside_the_network_hears_anything_and_both_can_be_switched_off() {
    inside(|| {
        let machine = compute2();
        machine.other_cable();
        run(&format!("ip route add 203.0.113.0/24 dev {}", BRIDGE));
        machine.run(&format!("ip address add 203.0.113.7/32 dev {CARD}"));
        let hears = |from: &str, port: u16, payload: &[u8]| {
            let socket = machine.socket(|| {
                let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
                socket.bind(&format!("{from}:0").parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
                socket
            });
            let socket: std::net::UdpSocket = socket.into();
            socket.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
            // A closed port is an error of the next call, which is no answer either.
            let _ = socket.send_to(payload, ("192.168.0.254", port));
            let mut buffer = [0; 2000];
            socket.recv(&mut buffer).ok()
        };
        let (mut time, mut name) = (vec![0; 48], vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8]);
        time[0] = 0x23;
        name.extend(b"compute3\0\0\x01\0\x01");
        let serving = serving("dns = true");
        assert_eq!(hears("192.168.0.2", 123, &time), Some(48));
        assert_eq!(hears("192.168.0.2", 53, &name), Some(name.len() + 16), "the question, and a name with its address");
        for from in ["203.0.113.7", "10.9.9.2"] {
            assert_eq!(hears(from, 123, &time), None, "{from}");
            assert_eq!(hears(from, 53, &name), None, "{from}");
        }
        for mode in [0, 1, 2, 4, 5, 6, 7] {
            time[0] = 0x20 | mode;
            assert_eq!(hears("192.168.0.2", 123, &time), None, "mode {mode}");
        }
        assert_eq!(hears("192.168.0.2", 123, &time[..47]), None);
        // A flood from one address is not answered packet by packet; a node is, whatever is forged in its name.
        time[0] = 0x23;
        for other in ["192.168.0.3", "192.168.0.77"] {
            machine.run(&format!("ip address add {other}/24 dev {CARD}"));
        }
        let answered = |from, patience| (0..60).filter(|_| hears_within(&machine, from, patience, &time)).count();
        let stranger = answered("192.168.0.77", Duration::from_millis(30));
        assert!((8..=64).contains(&stranger) && stranger < 60, "{stranger} of 60");
        assert_eq!(answered("192.168.0.2", Duration::from_secs(2)), 60);
        assert_eq!(hears("192.168.0.3", 123, &time), Some(48));
        let (code, said) = {
            serving.edit("\ndns = true\n", "\ndns = false\n");
            serving.fails(&["reload"])
        };
        assert!(code == 1 && said.contains("`server.dns` changes from true to false, which needs a restart"), "{said}");
        drop(serving);
        let quiet = self::serving("dns = false\nntp = \"off\"");
        quiet.says(&["status"]);
        assert_eq!(hears("192.168.0.2", 53, &name), None);
        assert_eq!(hears("192.168.0.2", 123, &time), None);
    });
}

/// One question to the time server, and whether an answer came in time.
fn hears_within(machine: &Machine, from: &str, patience: Duration, payload: &[u8]) -> bool {
    let socket = machine.socket(|| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.bind(&format!("{from}:0").parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        socket
    });
    let socket: std::net::UdpSocket = socket.into();
    socket.set_read_timeout(Some(patience)).unwrap();
    socket.send_to(payload, ("192.168.0.254", 123)).unwrap();
    socket.recv(&mut [0; 100]).is_ok()
}

#[test]
fn strangers_who_hold_every_connection_and_ask_dead_names_keep_no_node_from_an_answer() {
    inside(|| {
        let machine = compute2();
        // What it does not know is asked of a server that nobody is.
        let _world = World::knows(&["--address=/www.example.org/10.1.2.3", "--server=10.255.255.1"]);
        let _serving = serving("dns = true\ndns_forwarders = [\"127.0.0.1\"]");
        let mut held = Vec::new();
        for last in 100..140 {
            machine.run(&format!("ip address add 192.168.0.{last}/24 dev {CARD}"));
            for _ in 0..4 {
                let socket = machine.socket(|| {
                    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
                    let from = format!("192.168.0.{last}:0").parse::<std::net::SocketAddr>().unwrap();
                    socket.bind(&from.into()).unwrap();
                    socket
                });
                let server = "192.168.0.254:53".parse::<std::net::SocketAddr>().unwrap();
                socket.connect_timeout(&server.into(), Duration::from_secs(5)).unwrap();
                held.push(socket);
            }
        }
        assert_eq!(short(&machine, "+tcp -b 192.168.0.2 compute3"), ["192.168.0.3"]);
        for number in 0..4 {
            let dead = format!("+tries=1 +time=2 -b 192.168.0.100 dead{number}.example.net");
            machine.run(&format!("dig @192.168.0.254 {dead} || :"));
            assert_eq!(short(&machine, "-b 192.168.0.2 www.example.org"), ["10.1.2.3"], "after dead{number}");
        }
    });
}

#[test]
fn clients_of_the_distributions_take_the_time_and_one_that_is_told_not_to_does_not() {
    inside(|| {
        let machine = compute2();
        let serving = serving("dns = true");
        let chrony = |folder: &Path| {
            let pid = folder.join("chrony.pid");
            let script = folder.join("chrony.sh");
            let line = format!(
                "{} -Q -t 10 -u root 'server 192.168.0.254 iburst' 'cmdport 0' 'bindcmdaddress /' 'pidfile {}' 2>&1",
                unpacked("usr/sbin/chronyd"),
                pid.display()
            );
            std::fs::write(&script, format!("{line} || :\n")).unwrap();
            machine.run(&format!("sh {}", script.display()))
        };
        let script = serving.folder.path().join("others.sh");
        let ntpdate = unpacked("usr/sbin/ntpdate");
        std::fs::write(&script, format!("ntpdig -t 5 192.168.0.254\nsh {ntpdate} -q 192.168.0.254\n")).unwrap();
        let said = machine.run(&format!("sh -e {}", script.display()));
        let answers = said.lines().filter(|line| line.contains(" 192.168.0.254 ") && line.contains(" s10 "));
        assert!(answers.count() == 2 || is_synchronised(), "{said}");
        let said = chrony(serving.folder.path());
        assert!(said.contains("System clock wrong by") && !said.contains("No suitable source"), "{said}");
        assert!(serving.log().contains("nodes get the time of this machine"), "{}", serving.log());
        drop(serving);
        // Nobody keeps a clock in this test's world: where somebody does, the rest shows nothing.
        if is_synchronised() {
            return eprintln!("this machine's clock is synchronised: a refusal cannot be seen here");
        }
        let strict = Serving::started(|folder| {
            let file = folder.join("rackstart.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(file, text.replace("ntp = \"always\"", "ntp = \"synchronised\"")).unwrap();
            Serving::plain(folder)
        });
        let said = chrony(strict.folder.path());
        assert!(said.contains("No suitable source"), "{said}");
        assert!(strict.log().contains("not to trust it"), "{}", strict.log());
    });
}

/// What the kernel says of the clock, which is the same in every namespace.
#[allow(unsafe_code)]
fn is_synchronised() -> bool {
    // SAFETY: `timex` is numbers only; with `modes` zero the call reads and changes nothing.
    unsafe { libc::adjtimex(&mut std::mem::zeroed()) != libc::TIME_ERROR }
}
