//! What went wrong with a BMC, for people.

use crate::letters::is_unprintable;

/// The longest text of a BMC that is repeated, in characters.
const LONGEST_TEXT: usize = 300;

/// Why a BMC did not do what it was asked, and one thing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Fault {
    /// What happened, without the name of the node.
    pub text: String,
    /// One thing to do.
    pub help: String,
}

impl Fault {
    pub(crate) fn new(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { text: text.into(), help: help.into() }
    }

    /// The BMC knows neither the account nor this password of it, or the account may not do this.
    pub(crate) fn credentials(user: &str, secret: &str, said: &str) -> Self {
        let text = format!("the BMC refuses the account `{user}`: {}", quoted(said));
        Self::new(text, format!("correct `user`, or give its password with `rackstart secrets set {secret}`"))
    }

    /// The answer cannot be understood.
    pub(crate) fn unreadable(what: &str) -> Self {
        let help = "update the firmware of the BMC, or use `ipmi` for this node";
        Self::new(format!("the answer of the BMC has no {what} that can be read"), help)
    }

    /// The BMC lacks something that is needed.
    pub(crate) fn not_offered(what: &str, offered: &[String]) -> Self {
        let offered = match offered {
            [] => "none at all".into(),
            words => quoted(&words.join(", ")),
        };
        Self::new(format!("the BMC does not offer {what}; it offers {offered}"), "do it at the BMC's own page")
    }
}

/// A text of a BMC as it is shown: short, and without anything that a terminal would act upon.
pub(crate) fn quoted(text: &str) -> String {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String =
        plain.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).take(LONGEST_TEXT).collect();
    if shown.is_empty() { "no reason is given".into() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bmc_says_cannot_command_a_terminal_and_is_short() {
        assert_eq!(quoted(" a\n\tb "), "a b");
        assert_eq!(quoted("x\u{1b}[2Jy\u{202e}z"), "x\u{fffd}[2Jy\u{fffd}z");
        assert_eq!(quoted(&"y".repeat(1000)).len(), LONGEST_TEXT);
        assert_eq!(quoted("  "), "no reason is given");
    }
}
