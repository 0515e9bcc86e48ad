//! Floods at the ports that speak HTTP: whatever is held open or asked for there, a node is answered.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::remote_api::with_api;
use crate::support::network_lab::{CARD, Machine, inside, lay_cable, wait_until};
use crate::support::serving::Serving;

const API: &str = "127.0.0.1:8081";
/// What the node of the example site asks for, 10 s at most: ten times what it takes at worst.
const BOOT: &str = "curl -s -m 10 -o /dev/null -w %{http_code} http://192.168.0.254/boot/52-54-00-a8-02-01";
/// Addresses on the link that belong to no node.
const STRANGERS: usize = 17;
/// Connections that are held at once.
const HELD: usize = 17 * 16;

/// A flood that goes on until it is told to stop. It counts what it has sent.
struct Flood {
    stops: AtomicBool,
    sent: AtomicUsize,
}

impl Flood {
    fn goes_on(&self) -> bool {
        !self.stops.load(Relaxed)
    }

    fn counts(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    /// Holds connections open; `drips` sends another byte on each of them, ten times a second.
    fn holds(&self, connect: impl Fn(usize) -> io::Result<TcpStream>, head: &str, drips: bool) {
        let mut held: Vec<Option<TcpStream>> = (0..HELD).map(|_| None).collect();
        while self.goes_on() {
            for (n, place) in held.iter_mut().enumerate() {
                let is_alive = match place {
                    Some(stream) if drips => stream.write_all(b"x").is_ok(),
                    Some(_) => true,
                    None => false,
                };
                if !is_alive {
                    let begun = connect(n).and_then(|mut stream| stream.write_all(head.as_bytes()).map(|()| stream));
                    *place = begun.ok();
                    self.counts();
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks again and again.
    fn asks(&self, request: &str) {
        while self.goes_on() {
            let asked = to_the_api().and_then(|mut stream| {
                stream.write_all(request.as_bytes())?;
                stream.read(&mut [0; 64])
            });
            if asked.is_ok_and(|bytes| bytes > 0) {
                self.counts();
            }
        }
    }
}

/// Ends a flood also when the test fails meanwhile; its threads would never end otherwise.
struct Ends<'f>(&'f Flood);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.stops.store(true, Relaxed);
    }
}

fn to_the_api() -> io::Result<TcpStream> {
    let stream = TcpStream::connect(API)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    Ok(stream)
}

/// A connection to the port of the nodes, from the n-th address that belongs to none.
fn from_a_stranger(machine: &Machine, n: usize) -> io::Result<TcpStream> {
    let socket = machine.socket(|| Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap());
    socket.bind(&SocketAddr::from((stranger(n), 0)).into())?;
    let server = SocketAddr::from(([192, 168, 0, 254], 80));
    socket.connect_timeout(&server.into(), Duration::from_secs(2))?;
    socket.set_write_timeout(Some(Duration::from_secs(2)))?;
    Ok(socket.into())
}

fn stranger(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 0, 150 + (n % STRANGERS) as u8)
}

#[test]
fn a_node_is_answered_beside_every_flood_of_the_ports_that_speak_http() {
    inside(|| {
        lay_cable();
        let machine = Machine::plugged_in();
        machine.run(&format!("ip address add 192.168.0.2/24 dev {CARD}"));
        for n in 0..STRANGERS {
            machine.run(&format!("ip address add {}/24 dev {CARD}", stranger(n)));
        }
        let mut serving = Serving::started(with_api);
        let token = serving.says(&["token", "create", "screen", "--role", "operator"]);
        let head = format!("Host: {API}\r\nAuthorization: Bearer {}\r\n", token.trim_end());
        let json = "Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n";
        let wrong = format!("rackstart_00000000_{}", "0".repeat(64));
        let form = format!("link={}", "0".repeat(32));
        let (size, kind) = (form.len(), "application/x-www-form-urlencoded");
        let streams = format!("GET /api/v1/events HTTP/1.1\r\n{head}\r\n");
        let bodies = format!("POST /api/v1/stop HTTP/1.1\r\n{head}{json}");
        let reports = format!("POST /report/00 HTTP/1.1\r\nHost: x\r\n{json}");
        let sign_in = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {API}\r\nOrigin: http://{API}\r\nContent-Type: {kind}\r\n\
             Content-Length: {size}\r\n\r\n{form}"
        );
        let guess = format!("GET /api/v1/site HTTP/1.1\r\nHost: {API}\r\nAuthorization: Bearer {wrong}\r\n\r\n");
        let here = |_| to_the_api();
        let there = |n| from_a_stranger(&machine, n);
        type Attack<'a> = &'a (dyn Fn(&Flood) + Sync);
        let floods: [(&str, Attack<'_>, usize); 5] = [
            ("event streams that nobody reads", &|flood| flood.holds(here, &streams, false), HELD),
            ("orders that come a byte at a time", &|flood| flood.holds(here, &bodies, true), HELD),
            ("reports of strangers, a byte at a time", &|flood| flood.holds(there, &reports, true), HELD),
            ("links that sign nobody in", &|flood| flood.asks(&sign_in), 200),
            ("wrong tokens", &|flood| flood.asks(&guess), 200),
        ];
        for (name, attack, least) in floods {
            let flood = Flood { stops: AtomicBool::new(false), sent: AtomicUsize::new(0) };
            std::thread::scope(|scope| {
                let _ends = Ends(&flood);
                for _ in 0..if least == HELD { 1 } else { 4 } {
                    scope.spawn(|| attack(&flood));
                }
                wait_until(name, || flood.sent.load(Relaxed) >= least);
                for _ in 0..5 {
                    assert_eq!(machine.run(BOOT), "200", "beside {name}");
                }
                machine.run(&format!("busybox udhcpc -i {CARD} -f -n -q -t 5 -T 2 -s /bin/true"));
                assert!(serving.says(&["status"]).contains("compute2"), "beside {name}");
            });
        }
        assert!(serving.daemon.try_wait().unwrap().is_none(), "{}", serving.log());
        assert!(!serving.log().contains("panicked"), "{}", serving.log());
    });
}
