//! Time zones: which exist, and which of them a release knows. Given an unknown zone, the installers of EL7 and later
//! fall back to America/New_York and mention it only in a log; EL6 leaves the clock without a zone.

use toml::Spanned;

use super::reader::{Collector, Section};
use super::site_file::SiteFile;
use crate::site::Release;
use crate::words::{did_you_mean, quote};

const ZONES: &str = include_str!("zones.txt");

/// Newer names, and what the same place was called before.
const OLDER: [(&str, &str); 5] = [
    ("Europe/Kyiv", "Europe/Kiev"),
    ("America/Nuuk", "America/Godthab"),
    ("Asia/Yangon", "Asia/Rangoon"),
    ("Pacific/Kanton", "Pacific/Enderbury"),
    ("America/Ciudad_Juarez", "America/Ojinaga"),
];

/// The name of each zone and, if it is a newer one, the first tzdata that has it.
fn zones() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let lines = ZONES.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map_or((line, None), |(name, since)| (name, Some(since))))
}

/// Reads `timezone`.
pub(super) fn read<'a>(section: &Section<'a>) -> Option<Spanned<&'a str>> {
    let text = section.text("timezone")?;
    let name = *text.get_ref();
    if zones().any(|(known, _)| known == name) {
        return Some(text);
    }
    let help = match did_you_mean(name, zones().map(|(known, _)| known)) {
        Some(question) => question,
        None => "write for example \"UTC\" or \"Australia/Melbourne\"; `timedatectl list-timezones` lists them".into(),
    };
    section.found.report(text.span(), format!("{}: {} is not a time zone", section.place, quote(name)), help);
    None
}

/// Reports a time zone that a release of the site is too old to know.
pub(super) fn check(file: &SiteFile<'_>, found: &Collector) {
    let Some(site) = &file.site else { return };
    let Some(zone) = &site.timezone else { return };
    let Some((name, Some(since))) = zones().find(|(name, _)| name == zone.get_ref()) else { return };
    let mut releases: Vec<Release> =
        file.nodes.iter().filter_map(|node| file.defaults_of(node).release).map(|word| *word.get_ref()).collect();
    releases.sort_unstable();
    let Some(release) = releases.into_iter().find(|release| tzdata(*release) < since) else { return };
    let message = format!("the time zone {name} came with tzdata {since}, and EL{release} has {}", tzdata(release));
    let help = match OLDER.iter().find(|(newer, _)| *newer == name) {
        Some((_, older)) => format!("write \"{older}\", which every release knows"),
        None => "write an older zone with the same time there".into(),
    };
    found.report(zone.span(), message, help);
}

/// The tzdata on the media of a release, as far as known; newer ones come with updates, after the installation.
fn tzdata(release: Release) -> &'static str {
    match (release.major, release.minor) {
        (6, ..=3) => "2012c",
        (6, 4) => "2012j",
        (6, 5) => "2013g",
        (6, 6) => "2014g",
        (6, 7) => "2015e",
        (6, 8) => "2016d",
        (6, 9) => "2016j",
        (6, _) => "2018e",
        (7, 0) => "2014b",
        (7, 1) => "2015a",
        (7, 2) => "2015g",
        (7, 3) => "2016g",
        (7, 4) => "2017b",
        (7, 5) => "2018c",
        (7, 6) => "2018e",
        (7, 7) => "2019b",
        (7, 8) => "2019c",
        (7, _) => "2020a",
        (8, ..=2) => "2019a",
        (8, 3) => "2020a",
        (8, 4) => "2021a",
        (8, 5) => "2021e",
        (8, 6) | (9, 0) => "2022a",
        (8, 7) | (9, 1) => "2022e",
        (8, 8 | 9) | (9, 2 | 3) => "2023c",
        (8, _) | (9, 4) => "2024a",
        _ => "2025b",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_known_from_the_tzdata_on_that_it_came_with() {
        assert!(zones().count() > 500 && zones().any(|zone| zone == ("UTC", None)));
        let since = |name: &str| zones().find(|(known, _)| *known == name).and_then(|(_, since)| since);
        assert_eq!(since("Europe/Kyiv"), Some("2022b"));
        for (release, knows) in [("6.10", false), ("7", false), ("8.5", false), ("8", true), ("9", true), ("10", true)]
        {
            assert_eq!(tzdata(release.parse().unwrap()) >= "2022b", knows, "{release}");
        }
        for (newer, older) in OLDER {
            assert!(since(newer).is_some() && zones().any(|zone| zone == (older, None)), "{newer}");
        }
    }
}
