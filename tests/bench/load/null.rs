//! Servers without any work: they answer at once with what they prepared.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use serde_json::Value;

use crate::settings::Settings;
use crate::sys::{Poll, send_burst};

/// Answers relayed requests with the address that the list has for the MAC.
pub fn dhcp(settings: &Settings) -> Value {
    let text = std::fs::read_to_string(settings.need::<String>("nodes")).expect("the list of nodes");
    let nodes: HashMap<&str, Ipv4Addr> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(mac, address)| (mac, address.parse().expect("an address")))
        .collect();
    let nodes: HashMap<Vec<u8>, Ipv4Addr> = nodes
        .into_iter()
        .map(|(mac, address)| {
            (mac.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("a MAC")).collect(), address)
        })
        .collect();
    let server: Ipv4Addr = settings.need("server");
    let socket = UdpSocket::bind((server, 67)).expect("the port");
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if length < 243 {
            continue;
        }
        buffer[0] = 2;
        let address = nodes.get(&buffer[28..34]).copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
        buffer[16..20].copy_from_slice(&address.octets());
        let kind = if buffer[242] == 1 { 2 } else { 5 };
        buffer[242] = kind;
        buffer[243..249].copy_from_slice(&[54, 4, 0, 0, 0, 0]);
        buffer[245..249].copy_from_slice(&server.octets());
        buffer[249] = 255;
        buffer[250..].fill(0);
        let _ = socket.send_to(&buffer[..300], from);
    }
    Value::Null
}

/// Sends the same file to whoever asks, in windows as asked, and never repeats anything.
pub fn tftp(settings: &Settings) -> Value {
    let content = std::fs::read(settings.need::<String>("file")).expect("the file");
    let blksize: usize = settings.get("blksize", 1456);
    let window: u64 = settings.get("window", 1);
    let server: Ipv4Addr = settings.need("server");
    let blocks: Vec<Vec<u8>> = (0..=content.len() / blksize)
        .map(|n| {
            let [high, low] = (n as u16 + 1).to_be_bytes();
            let body = &content[n * blksize..content.len().min((n + 1) * blksize)];
            [&[0, 3, high, low], body].concat()
        })
        .collect();
    let (listener, poll) = (UdpSocket::bind((server, 69)).expect("the port"), Poll::new());
    listener.set_nonblocking(true).expect("an option");
    poll.add(&listener, u64::MAX, false);
    let (mut all, mut free): (Vec<Option<UdpSocket>>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut buffer = [0; 600];
    loop {
        for number in poll.wait(Duration::from_secs(10)) {
            if number == u64::MAX {
                while let Ok((_, from)) = listener.recv_from(&mut buffer) {
                    let socket = UdpSocket::bind((server, 0)).expect("a port");
                    socket.set_nonblocking(true).expect("an option");
                    socket.connect(from).expect("the client");
                    let oack = match window {
                        1 => format!("\0\x06blksize\0{blksize}\0"),
                        _ => format!("\0\x06blksize\0{blksize}\0windowsize\0{window}\0"),
                    };
                    let _ = socket.send(oack.as_bytes());
                    let place = free.pop().unwrap_or_else(|| {
                        all.push(None);
                        all.len() - 1
                    });
                    poll.add(&socket, place as u64, false);
                    all[place] = Some(socket);
                }
                continue;
            }
            let Some(socket) = &all[number as usize] else { continue };
            let Ok(length) = socket.recv(&mut buffer) else { continue };
            if length < 4 || buffer[1] != 4 {
                continue;
            }
            let acked = usize::from(u16::from_be_bytes([buffer[2], buffer[3]]));
            if acked >= blocks.len() {
                all[number as usize] = None;
                free.push(number as usize);
                continue;
            }
            let part = &blocks[acked..blocks.len().min(acked + window as usize)];
            for part in part.chunks(44) {
                match part {
                    [one] => drop(socket.send(one)),
                    _ => drop(send_burst(socket, &part.concat(), part[0].len() as u16)),
                }
            }
        }
    }
}

/// Answers every request with the same bytes.
pub fn http(settings: &Settings) -> Value {
    let body = std::fs::read(settings.need::<String>("file")).expect("the file");
    let answer = [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat();
    let server: Ipv4Addr = settings.need("server");
    let (listener, poll) = (TcpListener::bind(SocketAddr::from((server, 80))).expect("the port"), Poll::new());
    listener.set_nonblocking(true).expect("an option");
    poll.add(&listener, u64::MAX, false);
    let (mut all, mut buffer): (Vec<Option<(TcpStream, usize)>>, _) = (Vec::new(), [0; 4096]);
    loop {
        for number in poll.wait(Duration::from_secs(10)) {
            if number == u64::MAX {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).expect("an option");
                    let _ = stream.set_nodelay(true);
                    poll.add(&stream, all.len() as u64, false);
                    all.push(Some((stream, answer.len())));
                }
                continue;
            }
            let place = &mut all[number as usize];
            let Some((stream, at)) = place else { continue };
            match stream.read(&mut buffer) {
                Ok(0) => {
                    *place = None;
                    continue;
                }
                Ok(_) => *at = 0,
                Err(_) => {}
            }
            if let Ok(sent) = stream.write(&answer[*at..]) {
                *at += sent;
            }
            poll.change(stream, number, *at < answer.len());
        }
    }
}
