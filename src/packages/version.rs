//! Versions of packages, in the order of rpm.

use std::cmp::Ordering;
use std::fmt;

/// Epoch, version and release of a package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    epoch: u64,
    version: String,
    release: String,
}

impl Version {
    /// Takes the parts as metadata writes them; an epoch that is not a number counts as none.
    pub(crate) fn new(epoch: &str, version: &str, release: &str) -> Self {
        Self { epoch: epoch.parse().unwrap_or(0), version: version.into(), release: release.into() }
    }

    /// Whether this is the version `VERSION-RELEASE` or a later one, whatever its epoch.
    pub(crate) fn is_at_least(&self, floor: &str) -> bool {
        let (version, release) = floor.split_once('-').unwrap_or((floor, ""));
        let order = compare(&self.version, version).then_with(|| compare(&self.release, release));
        self.epoch > 0 || order.is_ge()
    }

    /// Whether this is the expected version: `2012.1`, `2012.1-4.el6`, either of them with `EPOCH:` before it, or a
    /// prefix of one of these followed by `*`.
    pub(crate) fn is(&self, expected: &str) -> bool {
        let short = self.version.clone();
        let long = format!("{}-{}", self.version, self.release);
        let forms = [format!("{}:{short}", self.epoch), format!("{}:{long}", self.epoch), short, long];
        match expected.strip_suffix('*') {
            Some(start) => forms.iter().any(|form| form.starts_with(start)),
            None => forms.iter().any(|form| form == expected),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch > 0 {
            write!(f, "{}:", self.epoch)?;
        }
        write!(f, "{}-{}", self.version, self.release)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = self.epoch.cmp(&other.epoch);
        parts.then_with(|| compare(&self.version, &other.version)).then_with(|| compare(&self.release, &other.release))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of rpm (rpmvercmp): runs of digits and runs of letters are compared one by one, and everything else only
/// separates them. `~` comes before the end, `^` after it, and a run of digits after a run of letters.
fn compare(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let separates = |letter: char| !letter.is_ascii_alphanumeric() && letter != '~' && letter != '^';
        one = one.trim_start_matches(separates);
        other = other.trim_start_matches(separates);
        match (one.strip_prefix('~'), other.strip_prefix('~')) {
            (Some(a), Some(b)) => {
                (one, other) = (a, b);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (one.strip_prefix('^'), other.strip_prefix('^')) {
            (Some(a), Some(b)) => {
                (one, other) = (a, b);
                continue;
            }
            (Some(_), None) => return if other.is_empty() { Ordering::Greater } else { Ordering::Less },
            (None, Some(_)) => return if one.is_empty() { Ordering::Less } else { Ordering::Greater },
            (None, None) => {}
        }
        if one.is_empty() || other.is_empty() {
            return one.len().cmp(&other.len());
        }
        let is_number = one.starts_with(|letter: char| letter.is_ascii_digit());
        let of_kind = |letter: char| letter.is_ascii_digit() == is_number && letter.is_ascii_alphanumeric();
        let cut = |text: &str| text.find(|letter| !of_kind(letter)).unwrap_or(text.len());
        let (a, b) = (cut(one), cut(other));
        if b == 0 {
            return if is_number { Ordering::Greater } else { Ordering::Less };
        }
        let (first, second) = (&one[..a], &other[..b]);
        let order = match is_number {
            true => {
                let (first, second) = (first.trim_start_matches('0'), second.trim_start_matches('0'));
                first.len().cmp(&second.len()).then_with(|| first.cmp(second))
            }
            false => first.cmp(second),
        };
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (&one[a..], &other[b..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_rpm() {
        for (less, greater) in [
            ("1.0", "1.1"),
            ("1.9", "1.10"),
            ("2012.1", "2012.1.1"),
            ("1.0~rc1", "1.0"),
            ("1.0~rc1", "1.0~rc2"),
            ("1.0", "1.0^git1"),
            ("1.0^git1", "1.0.1"),
            ("1.0a", "1.0.1"),
            ("fc4", "6"),
            ("0.1.el6", "1.el6"),
            ("1.el6", "1.el6_3"),
        ] {
            assert_eq!(compare(less, greater), Ordering::Less, "{less} {greater}");
            assert_eq!(compare(greater, less), Ordering::Greater, "{greater} {less}");
        }
        for (one, other) in [("1.0", "1_0"), ("1.05", "1.5"), ("a~b", "a~b"), ("", "")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
        assert!(Version::new("1", "1", "1") > Version::new("0", "9", "9"));
        assert!(Version::new("", "1", "2") > Version::new("0", "1", "1"));
    }

    #[test]
    fn a_floor_is_reached_by_itself_by_what_is_later_and_by_an_epoch() {
        let reaches = |epoch, version, release| Version::new(epoch, version, release).is_at_least("2012.1.1-11");
        assert!(
            reaches("0", "2012.1.1", "11.el6") && reaches("0", "2012.1.1", "15.el6") && reaches("0", "2012.2", "1.el6")
        );
        assert!(reaches("0", "2012.1.1", "11") && reaches("1", "2011.3", "1.el6"));
        assert!(
            !reaches("0", "2012.1.1", "10.el6")
                && !reaches("0", "2012.1", "15.el6")
                && !reaches("0", "2011.3", "18.el6")
        );
    }

    #[test]
    fn an_expected_version_may_name_as_much_as_it_likes() {
        let version = Version::new("0", "2012.1", "4.el6");
        for good in ["2012.1", "2012.1-4.el6", "0:2012.1", "0:2012.1-4.el6", "2012.*", "2012.1-4*", "*"] {
            assert!(version.is(good), "{good}");
        }
        for bad in ["2012", "2012.1-4", "1:2012.1", "2012.2*", ""] {
            assert!(!version.is(bad), "{bad}");
        }
        assert_eq!(version.to_string(), "2012.1-4.el6");
        assert_eq!(Version::new("2", "1", "3").to_string(), "2:1-3");
    }
}
