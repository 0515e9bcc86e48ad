//! The graph of steps and gates: what each role does, in which order, and on whom it waits. All of it is read from the
//! steps of the blueprint, also of a reader's own one, and is known before anything runs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::html::encode;
use super::words::short;

const BOX: f64 = 196.0;
const GAP: f64 = 44.0;
const LABEL: f64 = 120.0;
const ROW: f64 = 96.0;
const TALL: f64 = 58.0;

/// What the graph is made of: one role of the site.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoleSteps {
    /// The role.
    pub role: String,
    /// Path and text of each step, such as `02-store-all/03-x.sh`.
    pub steps: Vec<(String, String)>,
}

/// Where a node is in the graph.
#[derive(Debug, Clone)]
pub(crate) struct NodeAt<'a> {
    /// Its role.
    pub role: &'a str,
    /// Its state in one word.
    pub state: &'a str,
    /// The step that it works on.
    pub step: Option<&'a str>,
}

/// A group of steps of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    /// Name of its folder.
    pub name: String,
    /// How many steps it has.
    pub steps: usize,
    /// How many nodes of the role are beyond it.
    pub done: usize,
    /// How many nodes are in it now.
    pub here: usize,
    /// What it waits for, each with the roles that are meant.
    pub gates: Vec<Gate>,
    /// Whether it is on the longest path.
    pub lit: bool,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Gate {
    /// The step that waits.
    pub step: String,
    /// What it waits for.
    pub text: String,
    /// The roles whose nodes it waits for; empty: something on the node itself.
    pub roles: Vec<String>,
}

/// The groups of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// The role.
    pub role: String,
    /// How many nodes play it.
    pub nodes: usize,
    /// Its groups in order.
    pub groups: Vec<Group>,
}

/// Where a group is: its row, and its number within the row.
type Place = (usize, usize);

/// The graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Gates {
    /// One row for each role.
    pub rows: Vec<Row>,
    /// The longest path, as role and group.
    pub path: Vec<(String, String)>,
    /// How many steps are on it.
    pub steps: usize,
}

impl Gates {
    /// Reads the graph. `lists` has the variable of each list of nodes, with the roles of its nodes.
    pub(crate) fn of(roles: &[RoleSteps], lists: &BTreeMap<String, Vec<String>>) -> Self {
        let rows = roles.iter().map(|role| row(role, lists)).collect();
        let mut gates = Self { rows, path: Vec::new(), steps: 0 };
        gates.light();
        gates
    }

    /// Each group with its place: row and number within the row, in the order of their names, which is that of work.
    fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self
            .rows
            .iter()
            .enumerate()
            .flat_map(|(row, known)| (0..known.groups.len()).map(move |n| (row, n)))
            .collect();
        places.sort_by(|a, b| self.at(*a).name.cmp(&self.at(*b).name).then(a.cmp(b)));
        places
    }

    fn at(&self, (row, group): Place) -> &Group {
        &self.rows[row].groups[group]
    }

    /// What a group waits for: the one before it on its own nodes, and on other roles the last one before it.
    fn before(&self, place: Place) -> Vec<Place> {
        let (row, number) = place;
        let own = number.checked_sub(1).map(|number| (row, number));
        let group = self.at(place);
        let others =
            self.rows.iter().enumerate().filter(|(other, known)| {
                *other != row && group.gates.iter().any(|gate| gate.roles.contains(&known.role))
            });
        let last = |(other, known): (usize, &Row)| {
            let last = known.groups.iter().rposition(|earlier| earlier.name < group.name)?;
            Some((other, last))
        };
        own.into_iter().chain(others.filter_map(last)).collect()
    }

    /// Finds the path with the most steps, and marks it.
    fn light(&mut self) {
        let mut longest: BTreeMap<Place, (usize, Option<Place>)> = BTreeMap::new();
        for place in self.places() {
            let reached = self.before(place).into_iter().filter_map(|before| Some((longest.get(&before)?.0, before)));
            let best = reached.max();
            let steps = self.at(place).steps + best.map_or(0, |(steps, _)| steps);
            longest.insert(place, (steps, best.map(|(_, before)| before)));
        }
        let end = longest.iter().max_by_key(|(_, (steps, _))| *steps).map(|(place, (steps, _))| (*place, *steps));
        let Some((mut place, steps)) = end else { return };
        self.steps = steps;
        loop {
            let group = &mut self.rows[place.0].groups[place.1];
            group.lit = true;
            self.path.push((self.rows[place.0].role.clone(), self.rows[place.0].groups[place.1].name.clone()));
            match longest.get(&place).and_then(|(_, before)| *before) {
                Some(before) => place = before,
                None => break,
            }
        }
        self.path.reverse();
    }

    /// The same graph with where the nodes are in it.
    pub(crate) fn with(&self, nodes: &[NodeAt<'_>]) -> Self {
        let mut gates = self.clone();
        for node in nodes {
            let Some(row) = gates.rows.iter_mut().find(|row| row.role == node.role) else { continue };
            row.nodes += 1;
            let folder = node.step.and_then(|step| step.split_once('/')).map(|(folder, _)| folder);
            for group in &mut row.groups {
                match folder {
                    _ if node.state == "ready" => group.done += 1,
                    Some(folder) if group.name.as_str() < folder => group.done += 1,
                    Some(folder) if group.name == folder => group.here += 1,
                    _ => {}
                }
            }
        }
        gates
    }

    /// Draws the graph: a row for each role, a column for each group, and a line for each gate between roles.
    pub(crate) fn draw(&self) -> String {
        let mut columns: Vec<&str> =
            self.rows.iter().flat_map(|row| row.groups.iter().map(|group| group.name.as_str())).collect();
        columns.sort_unstable();
        columns.dedup();
        let column = |name: &str| columns.iter().position(|known| *known == name).unwrap_or(0);
        let x = |name: &str| LABEL + column(name) as f64 * (BOX + GAP);
        let (width, height) = (LABEL + columns.len() as f64 * (BOX + GAP), self.rows.len() as f64 * ROW + 8.0);
        let spoken = format!(
            "{} roles; the longest path has {} steps: {}",
            self.rows.len(),
            self.steps,
            self.path.iter().map(|(role, group)| format!("{group} on {role}")).collect::<Vec<_>>().join(", then ")
        );
        let mut out = format!(
            "<svg class=\"gates\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             role=\"img\" aria-label=\"{}\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
             markerUnits=\"userSpaceOnUse\" markerWidth=\"10\" markerHeight=\"10\" orient=\"auto\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n",
            encode(&spoken)
        );
        for place in self.places() {
            for before in self.before(place) {
                let (from, to) = (self.at(before), self.at(place));
                let (x1, y1) = (x(&from.name) + BOX, before.0 as f64 * ROW + 8.0 + TALL / 2.0);
                let (x2, y2) = (x(&to.name) - 2.0, place.0 as f64 * ROW + 8.0 + TALL / 2.0);
                let lit = if self.is_next(before, place) { " lit" } else { "" };
                let gate = if before.0 == place.0 { "own" } else { "gate" };
                let bend = x2 - GAP / 2.0;
                out.push_str(&format!(
                    "<path class=\"{gate}{lit}\" d=\"M{x1:.0} {y1:.0} H{bend:.0} V{y2:.0} H{x2:.0}\" marker-end=\"url(#tip)\"/>\n"
                ));
            }
        }
        for (number, row) in self.rows.iter().enumerate() {
            let y = number as f64 * ROW + 8.0;
            out.push_str(&format!(
                "<text class=\"own\" x=\"0\" y=\"{:.0}\">{}</text><text class=\"tick\" x=\"0\" y=\"{:.0}\">{}</text>\n",
                y + 26.0,
                encode(&short(&row.role, 14)),
                y + 44.0,
                if row.nodes == 1 { "1 node".into() } else { format!("{} nodes", row.nodes) }
            ));
            for group in &row.groups {
                out.push_str(&boxed(group, x(&group.name), y, row.nodes));
            }
        }
        out + "</svg>"
    }

    /// Whether one is right after the other on the longest path.
    fn is_next(&self, before: Place, place: Place) -> bool {
        let word = |place: Place| (self.rows[place.0].role.clone(), self.at(place).name.clone());
        let (before, place) = (word(before), word(place));
        self.path.windows(2).any(|pair| pair[0] == before && pair[1] == place)
    }
}

fn boxed(group: &Group, x: f64, y: f64, nodes: usize) -> String {
    let lit = if group.lit { " lit" } else { "" };
    let state = match (group.done, group.here) {
        (done, _) if nodes > 0 && done == nodes => "done",
        (_, here) if here > 0 => "here",
        _ => "ahead",
    };
    let told: Vec<String> = group.gates.iter().map(|gate| format!("{}: waits for {}", gate.step, gate.text)).collect();
    let title = encode(&format!("{}, {} steps\n{}", group.name, group.steps, told.join("\n")));
    let part = if nodes > 0 { (BOX - 20.0) * group.done as f64 / nodes as f64 } else { 0.0 };
    let waits = group.gates.iter().filter(|gate| !gate.roles.is_empty()).count();
    let waits = if waits > 0 { format!(", {waits} gates") } else { String::new() };
    format!(
        "<g><title>{title}</title><rect class=\"group {state}{lit}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{BOX}\" height=\"{TALL}\" rx=\"6\"/>\
         <text x=\"{tx:.0}\" y=\"{ty:.0}\">{name}</text>\
         <text class=\"tick\" x=\"{tx:.0}\" y=\"{t2:.0}\">{steps} steps{waits}; {done}/{nodes} done</text>\
         <rect class=\"rail\" x=\"{tx:.0}\" y=\"{ry:.0}\" width=\"{rail:.0}\" height=\"4\"/>\
         <rect class=\"fill\" x=\"{tx:.0}\" y=\"{ry:.0}\" width=\"{part:.0}\" height=\"4\"/></g>\n",
        tx = x + 10.0,
        ty = y + 21.0,
        t2 = y + 39.0,
        ry = y + 47.0,
        rail = BOX - 20.0,
        name = encode(&short(&group.name, 24)),
        steps = group.steps,
        done = group.done,
    )
}

fn row(role: &RoleSteps, lists: &BTreeMap<String, Vec<String>>) -> Row {
    let mut groups: Vec<Group> = Vec::new();
    let mut steps = role.steps.clone();
    steps.sort();
    for (path, text) in &steps {
        let Some((folder, step)) = path.split_once('/') else { continue };
        let gates = gates(step, text, lists);
        match groups.last_mut().filter(|group| group.name == folder) {
            Some(group) => {
                group.steps += 1;
                group.gates.extend(gates);
            }
            None => groups.push(Group { name: folder.into(), steps: 1, done: 0, here: 0, gates, lit: false }),
        }
    }
    Row { role: role.role.clone(), nodes: 0, groups }
}

/// The gates of a step: its lines with `need` and `need_each`, in words.
fn gates(step: &str, text: &str, lists: &BTreeMap<String, Vec<String>>) -> Vec<Gate> {
    let mut gates = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let Some(rest) =
            ["need \"", "need_each \""].iter().find_map(|word| line.split_once(*word)).map(|(_, rest)| rest)
        else {
            continue;
        };
        let said = quoted(rest);
        let mut roles: Vec<String> = Vec::new();
        for (_, of) in lists.iter().filter(|(variable, _)| names(rest, variable)) {
            roles.extend(of.iter().cloned());
        }
        roles.sort();
        roles.dedup();
        let step = step.trim_end_matches(".sh").into();
        gates.push(Gate { step, text: plain(said), roles });
    }
    gates
}

/// The text up to the quote that ends it.
fn quoted(text: &str) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return &text[..at],
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text
}

/// Whether a shell text names the variable.
fn names(text: &str, variable: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices('$').any(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches('{');
        rest.strip_prefix(variable).is_some_and(|rest| !rest.starts_with(is_word))
    })
}

/// A shell text for people: variables by their names in lower case.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let after = after.trim_start_matches('{');
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        out.push_str(&after[..end].to_lowercase());
        rest = after[end..].trim_start_matches('}');
    }
    out.push_str(rest);
    out.replace('%', "each of them").replace('\\', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, steps: &[(&str, &str)]) -> RoleSteps {
        RoleSteps {
            role: name.into(),
            steps: steps.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect(),
        }
    }

    fn graph() -> Gates {
        let roles = [
            role(
                "controller",
                &[
                    ("02-brick-all/01-install.sh", "apply() { :; }"),
                    ("03-brick-controller/01-probe.sh", "  need_each \"glusterd on % (tcp 24007)\" open $COMPUTES"),
                    ("03-brick-controller/02-make.sh", "# need \"nothing\" $COMPUTES"),
                ],
            ),
            role(
                "compute",
                &[
                    ("02-brick-all/01-install.sh", ""),
                    ("04-mount-all/01-mount.sh", "  need \"volume $VOLUME on ${CONTROLLER}\" started \"$VOLUME\""),
                    ("05-own/01-x.sh", "  need \"libvirtd (tcp 16509)\" port_open \"$NODE\" 16509"),
                ],
            ),
        ];
        let lists = [("COMPUTES", "compute"), ("CONTROLLER", "controller")];
        let gates = Gates::of(&roles, &lists.map(|(name, role)| (name.to_string(), vec![role.to_string()])).into());
        gates.with(&[
            NodeAt { role: "controller", state: "ready", step: None },
            NodeAt { role: "compute", state: "firstboot", step: Some("04-mount-all/01-mount") },
            NodeAt { role: "compute", state: "ready", step: None },
        ])
    }

    #[test]
    fn gates_are_read_from_the_steps_and_the_longest_path_crosses_the_roles() {
        let gates = graph();
        let gate = &gates.rows[1].groups[1].gates[0];
        assert_eq!(
            (gate.text.as_str(), gate.roles.as_slice()),
            ("volume volume on controller", &["controller".into()][..])
        );
        assert_eq!(gates.rows[0].groups[1].gates.len(), 1, "a comment is no gate");
        assert_eq!(gates.rows[0].groups[1].gates[0].text, "glusterd on each of them (tcp 24007)");
        assert!(gates.rows[1].groups[2].gates[0].roles.is_empty(), "its own service");
        let path: Vec<&str> = gates.path.iter().map(|(_, group)| group.as_str()).collect();
        assert_eq!(path, ["02-brick-all", "03-brick-controller", "04-mount-all", "05-own"]);
        assert_eq!(gates.steps, 5);
    }

    #[test]
    fn where_nodes_are_is_counted_and_a_hostile_name_is_text() {
        let gates = graph();
        let groups = &gates.rows[1].groups;
        assert_eq!((groups[0].done, groups[1].here, groups[1].done, groups[2].done), (2, 1, 1, 1));
        let roles = [role("<b>", &[("01-<i>-all/01-x.sh", "need \"</title><script>\" x")])];
        let drawn = Gates::of(&roles, &BTreeMap::new()).draw();
        assert!(!drawn.contains("<script>") && !drawn.contains("<b>") && drawn.contains("&lt;i&gt;"), "{drawn}");
        assert_eq!(Gates::of(&[], &BTreeMap::new()).steps, 0);
    }
}
