//! Whether a packet filter drops what nodes send. It reads the rules as `iptables-save` and `nft list ruleset` print
//! them, and looks only for the one fault that stops racks: a default of DROP or REJECT, and no rule that names the port.

/// The rules of this machine, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// `iptables-save -t filter`; empty without iptables.
    pub iptables: String,
    /// `nft list ruleset`; empty without nft.
    pub nft: String,
    /// The provisioning interface.
    pub interface: String,
}

impl Filter {
    /// Whether packets of nodes to this port are dropped, as far as the text says. When in doubt they are not.
    pub(crate) fn drops(&self, protocol: &str, port: u16) -> bool {
        let by_nft = match self.is_firewalld() {
            true => self.firewalld_drops(protocol, port),
            false => self.nft_drops(protocol, port),
        };
        by_nft || self.iptables_drops(protocol, port)
    }

    /// Whether firewalld wrote the rules.
    pub(crate) fn is_firewalld(&self) -> bool {
        self.nft.contains("table inet firewalld")
    }

    /// The zone of the interface, or else the default one, and the ports that it allows.
    fn firewalld_drops(&self, protocol: &str, port: u16) -> bool {
        let lines = || self.nft.lines().map(str::trim);
        let ours = format!("iifname \"{}\" ", self.interface);
        let zone = |line: &str| line.split_once("goto filter_IN_").map(|(_, zone)| zone.trim().to_string());
        let named = lines().filter(|line| line.starts_with(&ours)).find_map(zone);
        let fallback = || lines().filter(|line| line.starts_with("goto filter_IN_")).find_map(zone);
        let Some(zone) = named.or_else(fallback).filter(|zone| zone != "trusted") else { return false };
        let head = format!("chain filter_IN_{zone}_allow {{");
        let allowed = lines().skip_while(|line| *line != head).skip(1).take_while(|line| *line != "}");
        let wanted = format!("{protocol} dport ");
        let mut allowed = allowed.filter(|line| line.ends_with("accept"));
        !allowed.any(|line| {
            let ports = line.strip_prefix(&wanted).unwrap_or_default();
            ports.split([' ', ',', '{', '}']).any(|word| names(word, port))
        })
    }

    fn iptables_drops(&self, protocol: &str, port: u16) -> bool {
        let input = |line: &&str| line.starts_with("-A INPUT ") || line.starts_with(":INPUT ");
        for line in self.iptables.lines().filter(input) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let value =
                |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)).copied();
            let Some(target) = value("-j") else { continue };
            let is_here = value("-i").is_none_or(|interface| interface == self.interface);
            let is_about = value("-p").is_none_or(|named| named == protocol)
                && value("--dport").or(value("--dports")).is_none_or(|ports| names(ports, port));
            // A rule with a further condition decides about some packets only; one about packets that belong to something
            // older says nothing of the first one.
            let states = value("--ctstate").or(value("--state"));
            let is_old = states.is_some_and(|states| !states.contains("NEW"));
            let is_partial = states.is_some() || ["-s", "-d", "!"].iter().any(|key| words.contains(key));
            if !is_here || !is_about || is_old {
                continue;
            }
            match target {
                // Jumps into another chain may accept: in doubt it is let in.
                "DROP" | "REJECT" if !is_partial => return true,
                "DROP" | "REJECT" | "LOG" | "RETURN" => {}
                _ => return false,
            }
        }
        self.iptables.lines().any(|line| line.starts_with(":INPUT DROP"))
    }

    fn nft_drops(&self, protocol: &str, port: u16) -> bool {
        let mut chains: Vec<(bool, bool, bool)> = Vec::new(); // hooks input, drops at the end, lets it in
        for line in self.nft.lines().map(str::trim) {
            if line.starts_with("chain ") {
                chains.push((false, false, false));
            }
            let Some((hooks, drops, lets_in)) = chains.last_mut() else { continue };
            if line.starts_with("type filter hook input") {
                *hooks = true;
                *drops = line.contains("policy drop");
                continue;
            }
            let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
            let last = words.last().copied().unwrap_or_default();
            let is_whole = matches!(words.as_slice(), ["drop"] | ["reject", ..] | ["counter", .., "drop"]);
            if *hooks && is_whole {
                *drops = true;
            }
            let is_there = words.windows(2).position(|pair| pair[0] == protocol && pair[1] == "dport");
            let lists = is_there.is_some_and(|at| words[at..].iter().any(|word| names(word, port)));
            let by_card =
                words.windows(2).any(|pair| pair[0] == "iifname" && pair[1].trim_matches('"') == self.interface)
                    && !words.contains(&"dport");
            let jumps = words.iter().any(|word| ["jump", "goto", "vmap"].contains(word));
            if (last == "accept" && (lists || by_card)) || (*hooks && jumps) {
                *lets_in = true;
            }
        }
        chains.iter().any(|(hooks, drops, lets_in)| *hooks && *drops && !lets_in)
    }
}

/// Whether a list of ports, `67`, `67:69` or `67-69,80`, holds a port.
fn names(list: &str, port: u16) -> bool {
    list.split(',').any(|part| match part.split_once([':', '-']) {
        Some((first, last)) => {
            first.parse::<u16>().is_ok_and(|first| first <= port) && last.parse::<u16>().is_ok_and(|last| port <= last)
        }
        None => part.parse() == Ok(port),
    })
}
