//! DHCP packets out of dice: packets of real clients with changes, and packets put together option by option. Most of them
//! get past parsing, or nothing behind it would be tried.

use super::targets::RELAY;
use crate::support::dhcp_packets;
use crate::support::dice::Dice;

/// The packets of real clients, and the MACs that the example's site knows.
pub struct Maker {
    real: Vec<Vec<u8>>,
    macs: Vec<[u8; 6]>,
}

impl Maker {
    pub fn new(macs: Vec<[u8; 6]>) -> Self {
        Self { real: dhcp_packets::all().iter().map(|name| dhcp_packets::packet(name)).collect(), macs }
    }

    pub fn packet(&self, dice: &mut Dice) -> Vec<u8> {
        if dice.percent(40) { self.changed(dice) } else { self.put_together(dice) }
    }

    /// A few bytes of a real one are others, half of them behind the header; some lose their end.
    fn changed(&self, dice: &mut Dice) -> Vec<u8> {
        let mut packet = dice.one_of(&self.real).clone();
        for _ in 0..1 + dice.below(8) {
            let from = if packet.len() > 241 && dice.percent(50) { 240 } else { 0 };
            let at = from + dice.below(packet.len() - from);
            packet[at] = if dice.percent(30) { packet[at] ^ (1 << dice.below(8)) } else { dice.byte() };
        }
        if dice.percent(10) {
            let end = dice.below(packet.len());
            packet.truncate(end);
        }
        if packet.len() >= 34 && dice.percent(70) {
            let mac: &[u8; 6] = dice.one_of(&self.macs);
            packet[28..34].copy_from_slice(mac);
        }
        packet
    }

    fn put_together(&self, dice: &mut Dice) -> Vec<u8> {
        let mut packet = vec![0; 240];
        packet[..4].copy_from_slice(&[1, 1, 6, 0]);
        packet[236..].copy_from_slice(&[99, 130, 83, 99]);
        packet[4..8].copy_from_slice(&dice.bytes(4));
        packet[10..12].copy_from_slice(&dice.bytes(2));
        for (field, percent) in [(12, 30), (20, 20), (24, 15)] {
            if dice.percent(percent) {
                packet[field..field + 4].copy_from_slice(&address(dice));
            }
        }
        let mac = if dice.percent(60) { dice.one_of(&self.macs).to_vec() } else { dice.bytes(6) };
        packet[28..34].copy_from_slice(&mac);
        if dice.percent(15) {
            // The fields that an option 52 gives to options.
            let options: Vec<u8> = (0..dice.below(6)).flat_map(|_| option(dice)).take(120).collect();
            packet[108..108 + options.len()].copy_from_slice(&options);
        }
        let kind = if dice.percent(90) { 1 + dice.byte() % 8 } else { dice.byte() };
        packet.extend([53, 1, kind]);
        for _ in 0..dice.below(20) {
            packet.extend(option(dice));
        }
        match dice.below(10) {
            0 => packet.truncate(240 + dice.below(packet.len() - 239)),
            1 => {}
            _ => packet.push(255),
        }
        packet
    }
}

/// An address of the site, of the relay agent, or of nobody.
fn address(dice: &mut Dice) -> [u8; 4] {
    match dice.below(8) {
        0 => RELAY.octets(),
        4 | 5 => [192, 168, 0, 207 + dice.byte() % 14], // of the range for strangers
        1 => [192, 168, 0, 254],
        2 => [192, 168, 0, dice.byte()],
        3 => [192, 168, 0, 1 + dice.byte() % 5],
        _ => dice.bytes(4).try_into().unwrap(),
    }
}

/// One option: of any number, most of them of a length that fits it.
fn option(dice: &mut Dice) -> Vec<u8> {
    let interpreted = [12, 50, 52, 54, 55, 57, 60, 61, 67, 77, 82, 93, 94, 97, 175];
    let number = if dice.percent(60) { *dice.one_of(&interpreted) } else { 1 + dice.byte() % 254 };
    let value = if dice.percent(15) { odd(dice) } else { fitting(number, dice) };
    [&[number, value.len() as u8][..], &value].concat()
}

fn odd(dice: &mut Dice) -> Vec<u8> {
    let count = *dice.one_of(&[0, 1, 3, 5, 16, 18, 64, 255]);
    dice.bytes(count)
}

fn fitting(number: u8, dice: &mut Dice) -> Vec<u8> {
    let counted = |dice: &mut Dice| {
        let length = dice.below(20);
        dice.bytes(length)
    };
    match number {
        50 | 54 => address(dice).to_vec(),
        52 => vec![1 + dice.byte() % 3],
        57 => dice.bytes(2),
        60 => dice.one_of(&[&b"PXEClient:Arch:00007:UNDI:003016"[..], b"HTTPClient:Arch:00016", b"anaconda"]).to_vec(),
        77 => dice.one_of(&[&b"iPXE"[..], b"\x04iPXE", b"\x04iPXE\x03abc", b"gPXE"]).to_vec(),
        82 => [&[1, 3, 7, 7, 7, 5, 4][..], &address(dice)].concat(),
        93 => vec![0, *dice.one_of(&[0, 6, 7, 9, 11, 15, 16, 19, 255])],
        94 => vec![1, 3, 16],
        97 => [vec![0], dice.bytes(16)].concat(),
        175 => vec![0xb1, 4, 1, 2, 3, 4, 0xeb, 3, 1, 21, 1],
        _ => counted(dice),
    }
}
