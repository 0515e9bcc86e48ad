//! Files over real connections, where the kernel sends them: every byte is compared.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::server::net::listen::{Limits, serve};

const BIG: &str = "/tree/centos6/images/pxeboot/initrd.img";
const SMALL: &str = "/tree/centos6/small";

/// Asks on a connection that stays open; returns status, the length that was told, and the body.
async fn ask(stream: &mut TcpStream, method: &str, path: &str, range: &str) -> (u16, usize, Vec<u8>) {
    let range = if range.is_empty() { String::new() } else { format!("Range: bytes={range}\r\n") };
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{range}\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
    stream.read_exact(&mut body).await.unwrap();
    (head[9..12].parse().unwrap(), length, body)
}

#[tokio::test]
async fn files_ranges_and_heads_are_right_byte_by_byte_on_one_connection_and_on_many() {
    let folder = tempfile::tempdir().unwrap();
    let node = FakeNode::racked(folder.path()).await;
    let big: Vec<u8> = (0..3_300_000u32).map(|n| (n ^ (n >> 7) ^ (n >> 13)) as u8).collect();
    std::fs::create_dir_all(folder.path().join("tree/images/pxeboot")).unwrap();
    std::fs::write(folder.path().join("tree/images/pxeboot/initrd.img"), &big).unwrap();
    std::fs::write(folder.path().join("tree/small"), &big[..2000]).unwrap();
    std::fs::write(folder.path().join("tree/empty"), b"").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve(listener, app(node.appliance.clone()), Limits::default(), shutdown.clone()));
    let clients = (0..8).map(|n| {
        let big = big.clone();
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            tokio::time::sleep(Duration::from_millis(n)).await;
            for _ in 0..2 {
                assert!(ask(&mut stream, "GET", BIG, "").await == (200, big.len(), big.clone()));
                assert!(ask(&mut stream, "GET", SMALL, "").await == (200, 2000, big[..2000].into()));
                assert_eq!(ask(&mut stream, "HEAD", BIG, "").await, (200, big.len(), vec![]));
                assert_eq!(ask(&mut stream, "GET", "/tree/centos6/empty", "").await, (200, 0, vec![]));
                let part = ask(&mut stream, "GET", BIG, "1500000-1500999").await;
                assert!(part == (206, 1000, big[1_500_000..1_501_000].into()));
                let part = ask(&mut stream, "GET", BIG, "100001-").await;
                assert!(part == (206, big.len() - 100_001, big[100_001..].into()));
                assert_eq!(ask(&mut stream, "GET", "/tree/centos6/missing", "").await.0, 404);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    shutdown.cancel();
    task.await.unwrap();
}
