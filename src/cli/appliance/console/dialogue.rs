//! The questions of a first start: card, address, subnet, discovery. Ends with the text of a site file.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// A network card of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub name: String,
    pub mac: String,
    /// Whether a cable with something at its other end is in it.
    pub has_carrier: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Card,
    Address,
    Subnet,
    Discovery,
}

/// The questions, and the answers so far.
#[derive(Debug)]
pub(super) struct Dialogue {
    cards: Vec<Card>,
    asks: Question,
    card: usize,
    address: Ipv4Addr,
    subnet: Ipv4Net,
}

/// Strangers get at most this many addresses.
const STRANGERS: u32 = 50;

impl Dialogue {
    /// Begins with the first card that has a cable.
    pub(super) fn new(cards: Vec<Card>) -> Self {
        let card = cards.iter().position(|card| card.has_carrier).unwrap_or(0);
        let address = Ipv4Addr::new(192, 168, 0, 254);
        Self { cards, asks: Question::Card, card, address, subnet: around(address) }
    }

    /// Returns to the question before.
    pub(super) fn back(&mut self) {
        self.asks = match self.asks {
            Question::Card | Question::Address => Question::Card,
            Question::Subnet => Question::Address,
            Question::Discovery => Question::Subnet,
        };
    }

    /// What was answered, then the question and what Enter alone means.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines =
            vec!["This appliance has no site file yet. Four questions make one.".to_string(), String::new()];
        let asks = self.asks as usize;
        let card = self.cards.get(self.card).map_or("", |card| card.name.as_str());
        let answers = [
            format!("card       {card}"),
            format!("address    {}", self.address),
            format!("subnet     {}", self.subnet),
        ];
        lines.extend(answers.into_iter().take(asks));
        if asks > 0 {
            lines.push(String::new());
        }
        match self.asks {
            Question::Card if self.cards.is_empty() => {
                lines.push("This machine has no network card that the kernel knows. Plug one in.".into());
            }
            Question::Card => {
                for (number, card) in (1..).zip(&self.cards) {
                    let cable = if card.has_carrier { "cable" } else { "no cable" };
                    lines.push(format!("  {number}  {:<12} {}  {cable}", card.name, card.mac));
                }
                lines.push(format!("\nWhich card leads to the servers? [{}]", self.card + 1));
            }
            Question::Address => lines.push(format!("Which address has this machine there? [{}]", self.address)),
            Question::Subnet => lines.push(format!("Which subnet is it? [{}]", self.subnet)),
            Question::Discovery => {
                let range = discovery(self.subnet, self.address).map_or("none".into(), |(a, b)| format!("{a}-{b}"));
                lines.push(format!(
                    "Machines that are in no site file are lent {range} and are listed here; nothing is"
                ));
                lines.push("installed on them. Lend addresses? yes or no [yes]".into());
            }
        }
        lines
    }

    /// Takes a line. The text of the site file after the last question; a sentence when the answer cannot be used.
    pub(super) fn answer(&mut self, line: &str) -> Result<Option<String>, String> {
        match self.asks {
            Question::Card => {
                let named = self.cards.iter().position(|card| card.name == line || card.mac == line);
                let number =
                    line.parse().ok().filter(|number| (1..=self.cards.len()).contains(number)).map(|n: usize| n - 1);
                let usual = (line.is_empty() && !self.cards.is_empty()).then_some(self.card);
                self.card = named.or(number).or(usual).ok_or("type the number of a card")?;
                self.asks = Question::Address;
            }
            Question::Address => {
                let address = if line.is_empty() {
                    self.address
                } else {
                    line.parse().map_err(|_| format!("`{line}` is no IPv4 address, such as 192.168.0.254"))?
                };
                if address != self.address {
                    (self.address, self.subnet) = (address, around(address));
                }
                self.asks = Question::Subnet;
            }
            Question::Subnet => {
                let subnet: Ipv4Net = if line.is_empty() {
                    self.subnet
                } else {
                    line.parse().map_err(|_| format!("`{line}` is no subnet, such as 192.168.0.0/24"))?
                };
                let subnet = subnet.trunc();
                let ends = [subnet.network(), subnet.broadcast()];
                if !subnet.contains(&self.address) || ends.contains(&self.address) {
                    return Err(format!("{} is no address of a machine in {subnet}", self.address));
                }
                self.subnet = subnet;
                self.asks = Question::Discovery;
            }
            Question::Discovery => {
                return match line.to_ascii_lowercase().as_str() {
                    "" | "y" | "yes" => Ok(Some(self.site_file(true))),
                    "n" | "no" => Ok(Some(self.site_file(false))),
                    _ => Err("type yes or no".into()),
                };
            }
        }
        Ok(None)
    }

    fn site_file(&self, lends: bool) -> String {
        let card = self.cards.get(self.card).map_or("", |card| card.name.as_str());
        let range = discovery(self.subnet, self.address).filter(|_| lends);
        let range = range.map(|(first, last)| format!("discovery = \"{first}-{last}\"\n")).unwrap_or_default();
        format!(
            "# Written by the questions on the appliance's console. The next steps are the nodes: `rackstart init --plain`\n\
             # shows a whole file, and docs/plain.md explains it. Install trees lie below /srv/rackstart/trees.\n\
             \n\
             [site]\n\
             name = \"rack1\"\n\
             blueprint = \"plain\"\n\
             \n\
             [server]\n\
             interface = \"{card}\"\n\
             address = \"{}\"\n\
             \n\
             [network]\n\
             subnet = \"{}\"\n\
             router = \"{}\"\n\
             {range}",
            self.address, self.subnet, self.address
        )
    }
}

/// The usual subnet around an address.
fn around(address: Ipv4Addr) -> Ipv4Net {
    Ipv4Net::new_assert(address, 24).trunc()
}

/// Addresses near the end of the subnet, without our own; none where there is no room.
fn discovery(subnet: Ipv4Net, ours: Ipv4Addr) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (network, broadcast, ours) = (u32::from(subnet.network()), u32::from(subnet.broadcast()), u32::from(ours));
    let most = (broadcast - network).checked_sub(1)?.min(STRANGERS.saturating_mul(4)) / 4;
    let last = if ours + most < broadcast { broadcast - 1 } else { ours.min(broadcast) - 1 };
    let first = (last + 1).checked_sub(most)?;
    (most > 1 && first > network && !(first..=last).contains(&ours)).then(|| (first.into(), last.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards() -> Vec<Card> {
        let card =
            |name: &str, has_carrier| Card { name: name.into(), mac: format!("52:54:00:00:00:{name}"), has_carrier };
        vec![card("01", false), card("02", true)]
    }

    #[test]
    fn enter_alone_leads_to_a_site_file_that_is_accepted() {
        let mut dialogue = Dialogue::new(cards());
        for _ in 0..3 {
            assert_eq!(dialogue.answer(""), Ok(None));
        }
        let text = dialogue.answer("").unwrap().unwrap();
        assert!(
            text.contains("interface = \"02\"") && text.contains("discovery = \"192.168.0.204-192.168.0.253\""),
            "{text}"
        );
        let site = crate::config::parse(&text, "rackstart.toml").unwrap();
        assert!(site.nodes.iter().next().is_none() && site.network.discovery.is_some());
    }

    #[test]
    fn an_answer_that_cannot_be_used_is_asked_again() {
        let mut dialogue = Dialogue::new(cards());
        assert!(dialogue.answer("3").is_err() && dialogue.answer("eth9").is_err());
        dialogue.answer("01").unwrap();
        assert!(dialogue.answer("10.1.2").is_err());
        dialogue.answer("10.1.2.3").unwrap();
        for wrong in ["10.1.3.0/24", "10.1.2.3/32", "10.1.2.0/99", "10.1.2.3/30"] {
            assert!(dialogue.answer(wrong).is_err(), "{wrong}");
        }
        dialogue.answer("10.1.0.0/16").unwrap();
        assert!(dialogue.answer("maybe").is_err());
        let text = dialogue.answer("no").unwrap().unwrap();
        assert!(text.contains("subnet = \"10.1.0.0/16\"") && !text.contains("discovery"), "{text}");
        crate::config::parse(&text, "rackstart.toml").unwrap();
    }

    #[test]
    fn addresses_for_strangers_never_include_our_own_nor_the_ends() {
        for bits in 20..=32 {
            let subnet: Ipv4Net = format!("10.0.0.0/{bits}").parse().unwrap();
            for ours in subnet.hosts().take(300) {
                let Some((first, last)) = discovery(subnet, ours) else { continue };
                assert!(first <= last && !(first..=last).contains(&ours), "{subnet} {ours}");
                assert!(first > subnet.network() && last < subnet.broadcast(), "{subnet} {ours}");
            }
        }
        assert_eq!(discovery("10.0.0.0/30".parse().unwrap(), Ipv4Addr::new(10, 0, 0, 1)), None);
    }
}
