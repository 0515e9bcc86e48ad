//! Custody of the secrets of the newest boot. Each secret has one reader. A boot that asks again because the answer was
//! lost asks soon, and from the same place; anybody else holds a stolen token.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Refused, Stage, State, TokenHash};
use crate::site::Mac;

/// How long after the first time the same reader may ask again, in seconds. Installers retry for a few minutes.
pub(crate) const ASK_AGAIN_SECONDS: u64 = 15 * 60;

/// The secrets that only the boot itself may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// The answers to the installer's questions; their only secret is the hash of root's password.
    Kickstart,
    /// The storage commands, as the answer to the wipe permit.
    StorageCommands,
    /// The firstboot payload, with the secrets of this node.
    Payload,
    /// A newer payload for the running system, sealed for the holder of the first one.
    Renewal,
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kickstart => "the kickstart",
            Self::StorageCommands => "the storage commands",
            Self::Payload => "the firstboot payload",
            Self::Renewal => "a newer payload",
        })
    }
}

/// The reader, as far as the network can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Its IP address.
    pub address: Ipv4Addr,
    /// The MAC of its card; none on a link without neighbours.
    pub mac: Option<Mac>,
    /// The serial number that it gave, if it gave one.
    pub serial: Option<String>,
}

impl Reader {
    /// Whether both may be one machine, because nothing known of them differs. Only some requests carry a serial
    /// number.
    pub(crate) fn is(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        self.address == other.address
            && agree(self.mac.as_ref(), other.mac.as_ref())
            && agree(self.serial.as_ref(), other.serial.as_ref())
    }
}

/// The token of the newest boot: how old it is, and what was handed out for it to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Custody {
    /// When the token was minted, in Unix seconds; 0 before the first boot.
    pub minted: u64,
    /// The first reader.
    pub reader: Option<Reader>,
    /// When each secret was first handed out, in Unix seconds.
    pub handed: BTreeMap<Delivery, u64>,
}

/// Why a reader is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTheReader {
    /// Somebody else read first.
    Other,
    /// It appears to be the first reader, but long after the first time.
    Late,
}

impl Custody {
    /// A token that was minted now and has not been used.
    pub(crate) fn minted(now: u64) -> Self {
        Self { minted: now, ..Self::default() }
    }

    /// Whether the token is too old to hand anything out. A jump of the clock in either direction makes it too old as
    /// well.
    pub(crate) fn is_expired(&self, now: u64, lifetime: u64) -> bool {
        self.minted == 0 || now.abs_diff(self.minted) > lifetime
    }

    /// Whether this reader may have the secret now.
    pub(crate) fn admits(&self, delivery: Delivery, reader: &Reader, now: u64) -> Result<(), NotTheReader> {
        if self.reader.as_ref().is_some_and(|first| !first.is(reader)) {
            return Err(NotTheReader::Other);
        }
        match self.handed.get(&delivery) {
            // A site may change at any time.
            Some(_) if delivery == Delivery::Renewal => Ok(()),
            Some(first) if now.abs_diff(*first) > ASK_AGAIN_SECONDS => Err(NotTheReader::Late),
            _ => Ok(()),
        }
    }

    /// Records that the secret is handed to this reader. From then on the first reader is the only one.
    pub(crate) fn hand(&mut self, delivery: Delivery, reader: &Reader, now: u64) -> Result<(), Refused> {
        self.admits(delivery, reader, now).map_err(|_| Refused::AnotherReader)?;
        self.handed.entry(delivery).or_insert(now);
        let first = self.reader.get_or_insert_with(|| reader.clone());
        first.mac = first.mac.or(reader.mac);
        if first.serial.is_none() {
            first.serial.clone_from(&reader.serial);
        }
        Ok(())
    }
}

impl State {
    /// Whether this state lets the boot with this token have the secret.
    pub(crate) fn grants(&self, delivery: Delivery, token: &TokenHash) -> Result<(), Refused> {
        if let Self::Suspect { .. } = self {
            return Err(Refused::Suspect);
        }
        match delivery {
            Delivery::Kickstart => match self {
                Self::Armed { attempt, .. } if attempt.newest_boot.as_ref() == Some(token) => Ok(()),
                Self::Armed { .. } => Err(Refused::OldBoot),
                _ => Err(Refused::NotArmed(self.word())),
            },
            Delivery::StorageCommands => self.redeem(token).map(drop),
            // An installer that was given up too early, because it was silent for a long time, may still finish its
            // work.
            Delivery::Payload => match self {
                Self::Installing { attempt } | Self::Failed { attempt, during: Stage::Installer, .. }
                    if attempt.redeemed_by.as_ref() == Some(token) && !attempt.attested =>
                {
                    // The secrets in it are for a machine whose disks were found to be as planned.
                    Err(Refused::NotAttested)
                }
                Self::Installing { attempt } | Self::Failed { attempt, during: Stage::Installer, .. }
                    if attempt.redeemed_by.as_ref() == Some(token) =>
                {
                    Ok(())
                }
                _ => Err(Refused::NotInstalling(self.word())),
            },
            Delivery::Renewal => match self {
                Self::Firstboot { attempt }
                | Self::Ready { attempt }
                | Self::Failed { attempt, during: Stage::Firstboot, .. }
                    if attempt.redeemed_by.as_ref() == Some(token) =>
                {
                    Ok(())
                }
                _ => Err(Refused::NotRunning(self.word())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(serial: Option<&str>) -> Reader {
        let mac = "52:54:00:a8:02:01".parse().ok();
        Reader { address: [192, 168, 0, 2].into(), mac, serial: serial.map(String::from) }
    }

    #[test]
    fn the_first_reader_may_ask_again_for_fifteen_minutes_and_nobody_else_at_all() {
        let mut custody = Custody::minted(1000);
        custody.hand(Delivery::Kickstart, &reader(Some("A1")), 1010).unwrap();
        let late = 1010 + 901;
        assert_eq!(custody.admits(Delivery::Kickstart, &reader(Some("A1")), late - 1), Ok(()));
        assert_eq!(custody.admits(Delivery::Kickstart, &reader(Some("A1")), late), Err(NotTheReader::Late));
        assert_eq!(custody.admits(Delivery::StorageCommands, &reader(None), late), Ok(()), "%pre tells no serial");
        custody.hand(Delivery::Renewal, &reader(None), 1011).unwrap();
        assert_eq!(custody.admits(Delivery::Renewal, &reader(None), late + 1), Ok(()), "a site may change at any time");
        let elsewhere = Reader { address: [192, 168, 0, 3].into(), ..reader(None) };
        let card = Reader { mac: "52:54:00:00:00:66".parse().ok(), ..reader(None) };
        for other in [elsewhere, card, reader(Some("B2"))] {
            assert_eq!(custody.admits(Delivery::Payload, &other, 1011), Err(NotTheReader::Other));
            assert_eq!(custody.hand(Delivery::Payload, &other, 1011), Err(Refused::AnotherReader));
        }
    }

    #[test]
    fn a_token_ages_by_its_lifetime_and_by_any_jump_of_the_clock() {
        let custody = Custody::minted(10_000);
        assert!(!custody.is_expired(17_200, 7200));
        assert!(custody.is_expired(17_201, 7200));
        assert!(custody.is_expired(2_000, 7200), "the clock was set back");
        assert!(Custody::default().is_expired(5, 7200), "never minted");
    }
}
