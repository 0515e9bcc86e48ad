//! The page of the whole rack: which nodes are shown, in which groups, and the links between them.

use serde::Serialize;

use super::{STATES, Time, query, symbol};
use crate::site::Place;

/// Most tiles on one page; with it, the page of a large site stays below 300 kB.
pub(crate) const PAGE: usize = 200;

/// What decides whether and where a node is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brief<'a> {
    /// Host name.
    pub name: &'a str,
    /// Role in the site file.
    pub role: &'a str,
    /// Its state in one word.
    pub state: &'a str,
    /// Where it is in the racks.
    pub place: Option<Place>,
}

/// What a person wants to see; an empty text means everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Only nodes in this state.
    pub state: String,
    /// Only nodes of this role.
    pub role: String,
    /// Only nodes whose name contains this.
    pub name: String,
    /// Whether the page is a file of a report, whose further pages are files, too.
    pub as_file: bool,
    /// `role` groups the tiles by role, `place` by rack, everything else by state.
    pub group: String,
    /// Which page, from 1.
    pub page: usize,
}

impl Filter {
    fn by(&self) -> By {
        match self.group.as_str() {
            "role" => By::Role,
            "place" => By::Place,
            _ => By::State,
        }
    }

    /// The address of the same page with one parameter changed; another filter begins at the first page.
    fn link(&self, name: &str, value: &str) -> String {
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        let mut parameters = [
            ("group", self.group.as_str()),
            ("state", self.state.as_str()),
            ("role", self.role.as_str()),
            ("q", self.name.as_str()),
            ("page", page.as_str()),
        ];
        if name != "page" {
            parameters[4].1 = "";
        }
        for parameter in parameters.iter_mut().filter(|(known, _)| *known == name) {
            parameter.1 = value;
        }
        format!("/{}", query(&parameters))
    }
}

/// What the tiles are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    State,
    Role,
    Place,
}

/// The group of nodes whose place is not known.
const NOWHERE: &str = "without a place";

/// The group of nodes with this place.
fn rack(place: Option<Place>) -> String {
    place.map_or_else(|| NOWHERE.into(), |place| format!("rack {}", place.rack))
}

/// The nodes of a page, by their place in the list of all nodes, and what the page says about the others.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// The nodes of this page in the order of the page, each with its group.
    pub nodes: Vec<(usize, String)>,
    counts: Vec<(String, usize)>,
    roles: Vec<(String, usize)>,
    racks: Vec<(String, usize)>,
    /// Whether any node has a place.
    has_places: bool,
    all: usize,
    found: usize,
    page: usize,
}

/// Chooses the nodes of a page.
pub(crate) fn choose(all: &[Brief<'_>], filter: &Filter) -> Chosen {
    let count = |word: &dyn Fn(&Brief<'_>) -> bool| all.iter().filter(|node| word(node)).count();
    let counts = STATES.map(|state| (state.to_string(), count(&|node| node.state == state))).to_vec();
    let mut names: Vec<&str> = all.iter().map(|node| node.role).collect();
    names.sort_unstable();
    names.dedup();
    let roles = names.iter().map(|role| (role.to_string(), count(&|node| node.role == *role))).collect();
    let is_wanted = |wanted: &str, word: &str| wanted.is_empty() || wanted == word;
    let mut found: Vec<usize> = (0..all.len())
        .filter(|&at| {
            let node = &all[at];
            is_wanted(&filter.state, node.state)
                && is_wanted(&filter.role, node.role)
                && node.name.contains(&filter.name)
        })
        .collect();
    let rank = |at: usize| match filter.by() {
        By::Role => names.iter().position(|role| *role == all[at].role),
        By::State => STATES.iter().position(|state| *state == all[at].state),
        By::Place => None,
    };
    match filter.by() {
        // Nodes without a place come last.
        By::Place => found.sort_by_key(|&at| (all[at].place.is_none(), all[at].place)),
        _ => found.sort_by_key(|&at| rank(at)),
    }
    let mut racks: Vec<(String, usize)> = Vec::new();
    if filter.by() == By::Place {
        for name in found.iter().map(|&at| rack(all[at].place)) {
            match racks.last_mut().filter(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => racks.push((name, 1)),
            }
        }
    }
    let has_places = all.iter().any(|node| node.place.is_some());
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = filter.page.clamp(1, pages);
    let group = |at: usize| match filter.by() {
        By::Role => all[at].role.to_string(),
        By::State => all[at].state.to_string(),
        By::Place => rack(all[at].place),
    };
    let nodes = found.iter().skip((page - 1) * PAGE).take(PAGE).map(|&at| (at, group(at))).collect();
    Chosen { nodes, counts, roles, racks, has_places, all: all.len(), found: found.len(), page }
}

/// One node of the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Host name.
    pub name: String,
    /// Role in the site file.
    pub role: String,
    /// Its state in one word.
    pub state: String,
    /// The step that it works on: number, how many there are, and its name.
    pub step: Option<(u32, u32, String)>,
    /// The newest milestone, while there are no steps yet.
    pub stage: Option<String>,
    /// What it waits for, why it failed, and whatever else is to be known.
    pub remark: String,
    /// Since when it has been in its state; none: nothing has happened to it yet.
    pub since: Option<Time>,
    /// Where it is in the racks.
    pub place: Option<Place>,
}

#[derive(Debug, Serialize)]
struct Tile {
    name: String,
    role: String,
    state: String,
    step: Option<(u32, u32, String)>,
    stage: Option<String>,
    remark: String,
    since: Option<Time>,
    /// Its place within its rack, where the page shows racks: `u12`.
    unit: Option<String>,
    /// How many units between this one and the one above it have no node of this page; at most [`MOST_GAP`].
    gap: u8,
    symbol: &'static str,
    href: String,
}

/// The largest gap that is drawn as long as it is.
const MOST_GAP: u8 = 8;

impl Tile {
    fn new(seen: Seen, by: By, above: Option<Place>, href: String) -> Self {
        let place = seen.place.filter(|_| by == By::Place);
        let number = |place: Place| if place.slot > 0 { format!("-{}", place.slot) } else { String::new() };
        let apart = |place: Place| above.map_or(0, |above| above.unit.saturating_sub(place.unit).saturating_sub(1));
        Self {
            unit: place.map(|place| format!("u{}{}", place.unit, number(place))),
            gap: place.map_or(0, apart).min(MOST_GAP),
            symbol: symbol(&seen.state),
            href,
            name: seen.name,
            role: seen.role,
            state: seen.state,
            step: seen.step,
            stage: seen.stage,
            remark: seen.remark,
            since: seen.since,
        }
    }
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    symbol: &'static str,
    count: usize,
    tiles: Vec<Tile>,
}

/// A link that narrows the page, or widens it again.
#[derive(Debug, Serialize)]
struct Choice {
    word: String,
    symbol: &'static str,
    count: usize,
    href: String,
    chosen: bool,
}

/// One piece of the bar of the whole, in thousandths.
#[derive(Debug, Serialize)]
struct Piece {
    state: String,
    x: usize,
    width: usize,
    title: String,
}

/// The page as its template needs it.
#[derive(Debug, Serialize)]
pub(crate) struct RackPage {
    all: usize,
    found: usize,
    ready: usize,
    percent: usize,
    first: usize,
    last: usize,
    bar: Vec<Piece>,
    states: Vec<Choice>,
    roles: Vec<Choice>,
    groups: Vec<Group>,
    by_state: String,
    by_role: String,
    /// Where the racks are shown; none when no node has a place.
    by_place: Option<String>,
    is_by: &'static str,
    everything: Option<String>,
    before: Option<String>,
    after: Option<String>,
    q: String,
    state: String,
    role: String,
    group: String,
}

impl RackPage {
    /// Whether there is another page after this one.
    pub(crate) fn goes_on(&self) -> bool {
        self.after.is_some()
    }

    /// The page with these nodes, which are those of `chosen` in its order. `href` is the address of a node's page.
    pub(crate) fn new(chosen: &Chosen, seen: Vec<Seen>, filter: &Filter, href: impl Fn(&str) -> String) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let (by, mut above) = (filter.by(), None);
        let counts = match by {
            By::Role => &chosen.roles,
            By::State => &chosen.counts,
            By::Place => &chosen.racks,
        };
        for (seen, (_, name)) in seen.into_iter().zip(&chosen.nodes) {
            let (place, href) = (seen.place, href(&seen.name));
            let is_next = groups.last().is_some_and(|group| group.name == *name);
            let tile = Tile::new(seen, by, above.filter(|_| is_next), href);
            above = place;
            match groups.last_mut().filter(|_| is_next) {
                Some(group) => group.tiles.push(tile),
                None => {
                    let count = counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
                    let symbol = if by == By::State { symbol(name) } else { "" };
                    groups.push(Group { name: name.clone(), symbol, count, tiles: vec![tile] });
                }
            }
        }
        let choice = |parameter: &str, current: &str, word: &str, count: usize, symbol: &'static str| {
            let chosen = current == word;
            let href = filter.link(parameter, if chosen { "" } else { word });
            Choice { word: word.into(), symbol, count, href, chosen }
        };
        let there = chosen.counts.iter().filter(|(state, count)| *count > 0 || *state == filter.state);
        let states = there.map(|(state, n)| choice("state", &filter.state, state, *n, symbol(state))).collect();
        let roles = chosen.roles.iter().map(|(role, n)| choice("role", &filter.role, role, *n, "")).collect();
        let first = (chosen.page - 1) * PAGE;
        let last = first + chosen.nodes.len();
        let page = |page: usize| match filter.as_file {
            true => file(page),
            false => filter.link("page", &if page > 1 { page.to_string() } else { String::new() }),
        };
        let ready = chosen.counts.iter().find(|(state, _)| state == "ready").map_or(0, |(_, count)| *count);
        let is_filtered = !(filter.state.is_empty() && filter.role.is_empty() && filter.name.is_empty());
        Self {
            all: chosen.all,
            found: chosen.found,
            ready,
            percent: (ready * 100).checked_div(chosen.all).unwrap_or(0),
            first: (first + 1).min(chosen.found),
            last,
            bar: bar(&chosen.counts, chosen.all),
            states,
            roles,
            groups,
            by_state: filter.link("group", ""),
            by_role: filter.link("group", "role"),
            by_place: chosen.has_places.then(|| filter.link("group", "place")),
            is_by: match by {
                By::State => "state",
                By::Role => "role",
                By::Place => "place",
            },
            everything: is_filtered.then(|| format!("/{}", query(&[("group", &filter.group)]))),
            before: (chosen.page > 1).then(|| page(chosen.page - 1)),
            after: (last < chosen.found).then(|| page(chosen.page + 1)),
            q: filter.name.clone(),
            state: filter.state.clone(),
            role: filter.role.clone(),
            group: filter.group.clone(),
        }
    }
}

/// The file of a report that has this page.
pub(crate) fn file(page: usize) -> String {
    if page > 1 { format!("index-{page}.html") } else { "index.html".into() }
}

/// The bar of the whole: ready on the left, what needs a person on the right.
fn bar(counts: &[(String, usize)], all: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut before = 0;
    for (state, count) in counts.iter().rev().filter(|(_, count)| *count > 0) {
        let place = |nodes: usize| (nodes * 1000).checked_div(all).unwrap_or(0);
        let (x, end) = (place(before), place(before + count));
        before += count;
        pieces.push(Piece { state: state.clone(), x, width: end - x, title: format!("{count} {state}") });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE_OF: [&str; 4] = ["ready", "failed", "firstboot", "ready"];

    fn page(count: usize, filter: &Filter) -> (Vec<usize>, RackPage) {
        let names: Vec<String> = (0..count).map(|n| format!("node{n}")).collect();
        let brief = |n: usize| Brief {
            name: names[n].as_str(),
            role: if n.is_multiple_of(10) { "controller" } else { "compute" },
            state: STATE_OF[n % 4],
            place: None,
        };
        let all: Vec<Brief<'_>> = (0..count).map(brief).collect();
        let chosen = choose(&all, filter);
        let seen = chosen.nodes.iter().map(|(at, _)| Seen { name: names[*at].clone(), ..Seen::default() }).collect();
        let page = RackPage::new(&chosen, seen, filter, |name| format!("/nodes/{name}"));
        (chosen.nodes.iter().map(|(at, _)| *at).collect(), page)
    }

    #[test]
    fn what_needs_a_person_comes_first_and_ten_thousand_nodes_are_pages() {
        let (first, shown) = page(10_000, &Filter::default());
        assert!(first.len() == PAGE && first.iter().all(|at| STATE_OF[at % 4] == "failed"), "{first:?}");
        assert_eq!((shown.first, shown.last, shown.found, shown.percent), (1, 200, 10_000, 50));
        assert_eq!((shown.before, shown.after.as_deref()), (None, Some("/?page=2")));
        let (_, last) = page(10_000, &Filter { page: 999, ..Filter::default() });
        assert_eq!((last.first, last.last, last.after), (9801, 10_000, None), "the last page there is");
        assert_eq!(last.before.as_deref(), Some("/?page=49"));
    }

    #[test]
    fn a_filter_is_a_link_that_keeps_the_others_and_begins_at_the_first_page() {
        let filter = Filter { state: "ready".into(), role: "compute".into(), page: 2, ..Filter::default() };
        let (nodes, shown) = page(1000, &filter);
        assert!(nodes.iter().all(|at| STATE_OF[at % 4] == "ready" && at % 10 != 0));
        let failed = shown.states.iter().find(|choice| choice.word == "failed").unwrap();
        assert_eq!((failed.href.as_str(), failed.count, failed.chosen), ("/?state=failed&role=compute", 250, false));
        let ready = shown.states.iter().find(|choice| choice.word == "ready").unwrap();
        assert_eq!((ready.href.as_str(), ready.chosen), ("/?role=compute", true));
        let (_, shown) = page(40, &Filter { group: "role".into(), name: "node1".into(), ..Filter::default() });
        let groups: Vec<_> = shown.groups.iter().map(|group| (group.name.as_str(), group.tiles.len())).collect();
        assert_eq!(groups, [("compute", 10), ("controller", 1)]);
    }

    #[test]
    fn racks_are_read_from_the_top_and_nodes_without_a_place_come_last() {
        let places = ["r2u1", "", "r1u3", "r1u20", "r1u3-2"].map(|text| text.parse::<Place>().ok());
        let brief = |place| Brief { name: "x", role: "compute", state: "ready", place };
        let all: Vec<Brief<'_>> = places.iter().map(|place| brief(*place)).collect();
        let filter = Filter { group: "place".into(), ..Filter::default() };
        let chosen = choose(&all, &filter);
        assert_eq!(chosen.nodes.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [3, 2, 4, 0, 1]);
        let seen = chosen.nodes.iter().map(|(at, _)| Seen { place: places[*at], ..Seen::default() }).collect();
        let page = RackPage::new(&chosen, seen, &filter, |name| name.into());
        let groups: Vec<_> = page.groups.iter().map(|group| (group.name.as_str(), group.count)).collect();
        assert_eq!(groups, [("rack 1", 3), ("rack 2", 1), (NOWHERE, 1)]);
        let units: Vec<_> = page.groups[0].tiles.iter().map(|tile| (tile.unit.as_deref(), tile.gap)).collect();
        assert_eq!(units, [(Some("u20"), 0), (Some("u3"), MOST_GAP), (Some("u3-2"), 0)]);
        assert_eq!(page.by_place.as_deref(), Some("/?group=place"));
        assert_eq!(super::tests::page(3, &Filter::default()).1.by_place, None, "no node has a place");
    }

    #[test]
    fn a_rack_without_a_node_is_a_page_too_and_a_bar_fills_its_width() {
        let (_, empty) = page(0, &Filter::default());
        assert_eq!((empty.first, empty.last, empty.percent, empty.bar.len()), (0, 0, 0, 0));
        let (_, shown) = page(7, &Filter::default());
        let last = shown.bar.last().unwrap();
        assert!(shown.bar[0].x == 0 && shown.bar[0].state == "ready" && last.x + last.width == 1000, "{:?}", shown.bar);
    }
}
