//! The page of the whole rack: which nodes are shown, in which groups, and the links between them.

use serde::Serialize;

use super::{STATES, Time, query, symbol};

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
    /// `role` groups the tiles by role, everything else by state.
    pub group: String,
    /// Which page, from 1.
    pub page: usize,
}

impl Filter {
    fn is_by_role(&self) -> bool {
        self.group == "role"
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

/// The nodes of a page, by their place in the list of all nodes, and what the page says about the others.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// The nodes of this page in the order of the page, each with its group.
    pub nodes: Vec<(usize, String)>,
    counts: Vec<(String, usize)>,
    roles: Vec<(String, usize)>,
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
    let rank = |at: usize| match filter.is_by_role() {
        true => names.iter().position(|role| *role == all[at].role),
        false => STATES.iter().position(|state| *state == all[at].state),
    };
    found.sort_by_key(|&at| rank(at));
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = filter.page.clamp(1, pages);
    let group = |at: usize| if filter.is_by_role() { all[at].role } else { all[at].state };
    let nodes = found.iter().skip((page - 1) * PAGE).take(PAGE).map(|&at| (at, group(at).to_string())).collect();
    Chosen { nodes, counts, roles, all: all.len(), found: found.len(), page }
}

/// One node of the page.
#[derive(Debug, Clone, Default, Serialize)]
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
}

#[derive(Debug, Serialize)]
struct Tile {
    #[serde(flatten)]
    seen: Seen,
    symbol: &'static str,
    href: String,
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
    is_by_role: bool,
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
        for (seen, (_, name)) in seen.into_iter().zip(&chosen.nodes) {
            let tile = Tile { symbol: symbol(&seen.state), href: href(&seen.name), seen };
            match groups.last_mut().filter(|group| group.name == *name) {
                Some(group) => group.tiles.push(tile),
                None => {
                    let counts = if filter.is_by_role() { &chosen.roles } else { &chosen.counts };
                    let count = counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
                    let symbol = if filter.is_by_role() { "" } else { symbol(name) };
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
            is_by_role: filter.is_by_role(),
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
    fn a_rack_without_a_node_is_a_page_too_and_a_bar_fills_its_width() {
        let (_, empty) = page(0, &Filter::default());
        assert_eq!((empty.first, empty.last, empty.percent, empty.bar.len()), (0, 0, 0, 0));
        let (_, shown) = page(7, &Filter::default());
        let last = shown.bar.last().unwrap();
        assert!(shown.bar[0].x == 0 && shown.bar[0].state == "ready" && last.x + last.width == 1000, "{:?}", shown.bar);
    }
}
