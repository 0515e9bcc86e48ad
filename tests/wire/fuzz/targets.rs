//! What is fuzzed: each target takes any bytes, panics for nothing, and holds what comes out against what must be true.
//! The module above replays the kept inputs with every test run; `tests/fuzz` looks for new ones.

use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::time::Duration;

use rackstart::iso9660::{self, Broken, PathTarget};
use rackstart::packages::{self, Metadata, Names, PackageFile};
use rackstart::site::Site;
use rackstart::wire::dhcp::{Answer, Judgement, ReplyTo, answer_to};
use rackstart::wire::syslog::{self, Frames};
use rackstart::wire::tftp::{Action, Limits, Request, Transfer};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its folder of kept inputs.
pub const TARGETS: [(&str, Target); 6] = [
    ("dhcp", dhcp),
    ("iso9660", iso9660),
    ("metadata", metadata),
    ("site-file", site_file),
    ("syslog", syslog),
    ("tftp", tftp),
];

/// The relay agent that one of the sites names.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 1);
const LENT: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 207);

/// The example's site as it is; with a range for strangers; and behind a relay agent.
static SITES: LazyLock<[Site; 3]> = LazyLock::new(|| {
    let plain = rackstart::config::parse(rackstart::config::EXAMPLE, "the example").expect("the example is a site");
    let [mut lending, mut relayed] = [plain.clone(), plain.clone()];
    lending.network.discovery = Some((LENT, Ipv4Addr::new(192, 168, 0, 220)));
    relayed.network.relays = vec![RELAY];
    [plain, lending, relayed]
});

/// A DHCP packet.
pub fn dhcp(packet: &[u8]) {
    for site in SITES.iter() {
        drop(dhcp_answers(site, packet));
    }
}

/// The sites that a packet is tried on.
#[allow(dead_code)] // not with libFuzzer
pub fn sites() -> &'static [Site] {
    &*SITES
}

/// All that may be said to a packet: one answer, or to a stranger what it is lent and what it is refused.
pub fn dhcp_answers(site: &Site, packet: &[u8]) -> Vec<Answer> {
    let answers = match answer_to(site, packet) {
        Judgement::Final(answer) => vec![answer],
        Judgement::Stranger(stranger) => vec![stranger.clone().refuse(site, LENT), stranger.lend(site, LENT)],
    };
    answers.iter().for_each(|answer| is_within_bounds(site, answer));
    answers
}

fn is_within_bounds(site: &Site, answer: &Answer) {
    // A server of note crashed only while it logged: so print everything that a log line could.
    match answer {
        Answer::Silence(request, reason) => drop(format!("{request:?} {reason}")),
        Answer::Malformed(malformed) => drop(malformed.to_string()),
        Answer::Reply(request, reply) => {
            let _ = format!("{request:?} {} {} {:?} {:?}", reply.kind, reply.to, reply.decision, reply.refusal);
            assert!((300..=1472).contains(&reply.bytes.len()), "{} bytes", reply.bytes.len());
            assert_eq!(reply.bytes[0], 2, "a reply");
            assert_eq!(reply.bytes[236..240], [99, 130, 83, 99], "the magic cookie");
            // Whatever a request claims, nothing leaves the link but to a relay agent of the site file.
            match reply.to {
                ReplyTo::Relay(relay) => assert!(site.network.relays.contains(&relay), "to the relay agent {relay}"),
                ReplyTo::Address(address) | ReplyTo::Link { address, .. } => {
                    assert!(site.network.subnet.contains(&address), "to {address}");
                }
                ReplyTo::Sender => panic!("a boot server answers in proxy mode only"),
                ReplyTo::Broadcast => {}
            }
        }
    }
}

/// A disc image: what is found lies in it.
pub fn iso9660(image: &[u8]) {
    let size = image.len() as u64;
    let read = |at: u64, count: usize| {
        let from = usize::try_from(at).ok().filter(|from| *from <= image.len());
        let bytes = from.and_then(|from| image[from..].get(..count));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| Broken::Unreadable("past the end".into()))
    };
    let _ = iso9660::has_long_names(size, &read);
    for path in
        [".treeinfo", "images/pxeboot/vmlinuz", "Packages/a-rather-long-name-1.0-1.el6.x86_64.rpm", "", "images/"]
    {
        match iso9660::find(size, &read, path) {
            Ok(Some(PathTarget::File(extent))) => {
                let end = extent.start.checked_add(extent.length);
                assert!(end.is_some_and(|end| end <= size), "{path} at {extent:?} of {size} bytes");
            }
            Ok(_) => {}
            Err(broken) => drop(broken.to_string()),
        }
    }
}

/// The first byte says which of a repository's files it is.
pub fn metadata(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let mut metadata = Metadata::default();
    match kind % 3 {
        0 => drop(packages::index(text)),
        1 => {
            let names: Names = ["bash", "openstack-nova", "/bin/sh"].map(String::from).into();
            drop(packages::primary(text, &names, &mut metadata));
            let mut inside =
                |file: PackageFile| assert!(!file.path.split('/').any(|part| part == ".."), "{}", file.path);
            drop(packages::files(text, &mut inside));
            assert!(metadata.version("of nobody").is_none(), "only names that somebody asked for are kept");
        }
        _ => drop(packages::groups(text, &mut metadata)),
    }
}

/// A site file: a site, or problems that a terminal can show.
pub fn site_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(problems) = rackstart::config::parse(&text, "rackstart.toml") {
        let shown = problems.to_string();
        assert!(!shown.is_empty(), "problems that say nothing");
        let steers = |c: char| c.is_control() && c != '\n';
        assert!(!shown.contains(steers), "it steers a terminal: {shown:?}");
    }
}

/// A stream that arrives in pieces; the first byte says how large they are.
pub fn syslog(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let (mut frames, mut taken) = (Frames::default(), 0);
    for piece in stream.chunks(usize::from(*piece) + 1) {
        for message in frames.push(piece) {
            taken += message.len();
            let parsed = syslog::parse(&message);
            assert!(!format!("{parsed:?}").contains('\n'), "one record is one line");
        }
    }
    assert!(taken <= stream.len(), "{taken} bytes out of {}", stream.len());
}

/// A request of so many bytes as the first one says, then what the client does: acknowledge, send anything, wait, repeat.
pub fn tftp(bytes: &[u8]) {
    const CONTENT: u64 = 70_000;
    let Some((length, rest)) = bytes.split_first() else { return };
    let (packet, mut rest) = rest.split_at(usize::from(*length).min(rest.len()));
    let request = match Request::parse(packet) {
        Ok(request) => request,
        Err(error) => return drop(format!("{error} {:?}", error.code())),
    };
    assert!(!request.to_string().contains(char::is_control), "it steers a terminal");
    let mut transfer = Transfer::new(&request, CONTENT, Limits::for_mtu(1500));
    let mut now = Duration::ZERO;
    let mut action = transfer.start(now);
    loop {
        match &action {
            Action::End(_) => return,
            Action::SendOack => assert!(transfer.oack().len() <= 512, "an OACK longer than a request may be"),
            Action::SendBlocks(blocks) => {
                assert!(blocks.clone().count() <= 64, "{blocks:?}: a window that no switch holds");
                for block in blocks.clone() {
                    let range = transfer.bytes_of(block);
                    assert!(range.start <= range.end && range.end <= CONTENT && range.end - range.start <= 1468);
                }
            }
            Action::Wait => {}
        }
        transfer.on_sent(now);
        assert!(transfer.acknowledged_bytes() <= CONTENT);
        let [what, high, low, after @ ..] = rest else { break };
        rest = after;
        action = match what % 5 {
            0 | 1 => transfer.on_packet(&[0, 4, *high, *low], now),
            2 => transfer.on_packet(&[0, *high, *low, *what], now),
            3 => {
                now += Duration::from_millis(u64::from(u16::from_be_bytes([*high, *low])));
                transfer.on_timeout(now)
            }
            _ => transfer.on_repeated_request(now),
        };
    }
    // Left alone, it ends by itself.
    for _ in 0..20 {
        now = transfer.deadline();
        if matches!(transfer.on_timeout(now), Action::End(_)) {
            return;
        }
    }
    panic!("a transfer that nobody answers goes on for ever");
}
