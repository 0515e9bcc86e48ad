//! The servers under comparison, each a process of its own, so that its processor time can be read.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rackstart::server::tftp::{Bytes, Found, NotServed, TftpContent, TftpServer};
use tokio_util::sync::CancellationToken;

use crate::client::{Terms, fetch};

/// The argument by which this program starts itself as the server.
pub const SERVE: &str = "serve-tftp";
/// dnsmasq knows only port 69, so the peers have a loopback address where nothing else listens.
const PEER_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 6, 9, 1);

/// Ticks per second in `/proc`: the same on every Linux that runs Rust.
const USER_HZ: f64 = 100.0;

pub struct Server {
    pub name: &'static str,
    pub address: SocketAddrV4,
    process: Child,
    /// Whether the server starts a process for each transfer and lets the system collect them: then nobody can read
    /// their time.
    forks: bool,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Processor time of the process, seconds (fields 14 and 15 of `/proc/PID/stat`).
    pub fn cpu_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        let (_, after_name) = stat.rsplit_once(") ")?;
        let ticks: u64 = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        (!self.forks).then_some(ticks as f64 / USER_HZ)
    }
}

/// Starts every server that is installed.
pub fn start_all(directory: &Path) -> Vec<Server> {
    let root = directory.to_str().expect("a plain path");
    let hpa = SocketAddrV4::new(PEER_ADDRESS, 6969);
    let dnsmasq = SocketAddrV4::new(PEER_ADDRESS, 69);
    let listen = format!("--listen-address={PEER_ADDRESS}");
    let tftp_root = format!("--tftp-root={root}");
    let dnsmasq_arguments = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--port=0",
        "--bind-interfaces",
        "--user=root",
        "--enable-tftp",
        "--tftp-max=250",
        &listen,
        &tftp_root,
    ];
    let peers = [
        start("tftpd-hpa", "in.tftpd", &["-L", "-u", "root", "-a", &hpa.to_string(), "-s", root], hpa),
        start("dnsmasq", "dnsmasq", &dnsmasq_arguments, dnsmasq),
    ];
    [Some(start_ours(root))].into_iter().chain(peers).flatten().collect()
}

fn start(name: &'static str, program: &str, arguments: &[&str], address: SocketAddrV4) -> Option<Server> {
    let process = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(process) = process else {
        println!("{name}: not installed, left out");
        return None;
    };
    let server = Server { name, address, process, forks: name == "tftpd-hpa" };
    let terms = Terms { blksize: 1468, windowsize: 1, loses_every: None };
    let answers = fetch(Ipv4Addr::LOCALHOST, address, "nbp", &terms, &mut 0).is_ok();
    if !answers {
        println!("{name}: does not answer on {address}, left out (it may need root)");
    }
    answers.then_some(server)
}

fn start_ours(root: &str) -> Server {
    let program = std::env::current_exe().expect("this program");
    let mut process = Command::new(program).args([SERVE, root]).stdout(Stdio::piped()).spawn().expect("this program");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("its address");
    Server { name: "rackstart", address: line.trim().parse().expect("its address"), process, forks: false }
}

struct Files(HashMap<String, Bytes>);

impl TftpContent for Files {
    fn open(&self, _: Ipv4Addr, name: &str) -> Result<Found, NotServed> {
        self.0.get(name).cloned().map(Found::Now).ok_or_else(|| NotServed { text: "no such file".into() })
    }

    fn knows(&self, _: Ipv4Addr) -> bool {
        true
    }

    fn is_node(&self, _: Ipv4Addr) -> bool {
        true
    }
}

/// Runs the server over the files of a directory, until killed.
pub fn serve(directory: &Path) {
    let entries = std::fs::read_dir(directory).expect("the directory").flatten();
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a plain name");
        (name, Bytes::from(std::fs::read(entry.path()).expect("a file")))
    };
    let files = Files(entries.map(read).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = TftpServer::bind(None, Ipv4Addr::LOCALHOST, 0).expect("a free port");
        println!("{}", server.local_addr());
        server.run(Arc::new(files), CancellationToken::new(), Arc::new(|_| {})).await;
    });
}
