//! Packets of real clients as bytes, and replies taken apart without the code under test.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/packets")
}

/// Reads `tests/fixtures/packets/NAME.hex`: bytes in hexadecimal, `#` starts a comment line.
pub fn packet(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.hex"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.starts_with("# "), "{}: the first line says which device", path.display());
    let words = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    words.map(|word| u8::from_str_radix(word, 16).unwrap_or_else(|_| panic!("{}: {word}", path.display()))).collect()
}

/// The names of all packets.
pub fn all() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("tests/fixtures/packets");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a text name"));
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".hex").map(Into::into)).collect();
    names.sort();
    names
}

/// A reply taken apart.
#[derive(Debug)]
pub struct Parts {
    pub op: u8,
    pub xid: u32,
    pub flags: u16,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: [u8; 16],
    pub sname: Vec<u8>,
    pub file: String,
    pub options: BTreeMap<u8, Vec<u8>>,
    /// Option numbers in the order sent.
    pub order: Vec<u8>,
}

impl Parts {
    /// Takes a reply apart and checks what every reply must have.
    pub fn of(bytes: &[u8]) -> Self {
        assert!((300..=1472).contains(&bytes.len()), "{} bytes", bytes.len());
        assert_eq!(bytes[1..4], [1, 6, 0], "Ethernet, six bytes, no hops");
        assert_eq!(bytes[236..240], [99, 130, 83, 99], "magic cookie");
        let address = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        let file: Vec<u8> = bytes[108..236].iter().copied().take_while(|&byte| byte != 0).collect();
        assert!(file.len() < 128, "the file field ends with a NUL");
        let (options, order) = options(&bytes[240..]);
        Self {
            op: bytes[0],
            xid: u32::from_be_bytes(bytes[4..8].try_into().expect("four bytes")),
            flags: u16::from_be_bytes([bytes[10], bytes[11]]),
            ciaddr: address(12),
            yiaddr: address(16),
            siaddr: address(20),
            giaddr: address(24),
            chaddr: bytes[28..44].try_into().expect("sixteen bytes"),
            sname: bytes[44..108].to_vec(),
            file: String::from_utf8(file).expect("an ASCII file name"),
            options,
            order,
        }
    }

    pub fn option(&self, number: u8) -> Option<&[u8]> {
        self.options.get(&number).map(Vec::as_slice)
    }

    pub fn text(&self, number: u8) -> Option<&str> {
        let text = |data| std::str::from_utf8(data).expect("a text option").trim_end_matches('\0');
        self.option(number).map(text)
    }
}

fn options(mut area: &[u8]) -> (BTreeMap<u8, Vec<u8>>, Vec<u8>) {
    let (mut found, mut order) = (BTreeMap::new(), vec![]);
    while area[0] != 255 {
        let (number, length) = (area[0], usize::from(area[1]));
        found.entry(number).or_insert_with(Vec::new).extend_from_slice(&area[2..2 + length]);
        order.push(number);
        area = &area[2 + length..];
    }
    assert!(area[1..].iter().all(|&byte| byte == 0), "only padding after the end");
    (found, order)
}
