//! Compares the operator's templates with rackstart's own by rendering the same values with both. What a template adds
//! is the operator's choice; storage commands that it lost or changed are a fault, at `check` and whenever it is
//! served.

use serde::Serialize;

use crate::grammar::{self, Departure};
use crate::site::Node;

use super::engine::Engine;
use super::kickstart::KickstartValues;
use super::links;
use super::storage::StorageValues;
use super::{KICKSTART, RenderError, RenderProblem, Renderer, STORAGE};

impl Renderer {
    /// Where a storage section differs from what the plan demands.
    pub(super) fn measure_storage(&self, node: &Node, values: &StorageValues<'_>, section: &str) -> Vec<RenderError> {
        self.measure(STORAGE, values, section, |measure| grammar::storage_departures(node.release, measure, section))
    }

    /// What a kickstart, as it is served, lacks of what rackstart's own templates would render from the same values.
    /// The commands that `%pre` writes for cards count too.
    pub(super) fn measure_kickstart(&self, values: &KickstartValues<'_>, served: &str) -> Vec<RenderError> {
        let served = with_links(served);
        self.measure(KICKSTART, values, &served, |measure| grammar::skeleton_departures(measure, &served))
    }

    /// Renders the reference text, if the operator has templates, and reports where the text departs from it.
    fn measure(
        &self,
        name: &str,
        values: &impl Serialize,
        text: &str,
        compare: impl FnOnce(&str) -> Vec<Departure>,
    ) -> Vec<RenderError> {
        let Some(engine) = &self.measure else { return Vec::new() };
        let measure = match engine.render(name, values) {
            Ok(measure) => with_links(&measure),
            Err(error) => return vec![error],
        };
        compare(&measure).into_iter().map(|departure| self.departs(engine, name, (&measure, text), departure)).collect()
    }

    /// A departure, with the template and line that it most likely comes from. `texts` are the reference and the text.
    fn departs(&self, engine: &Engine, name: &str, texts: (&str, &str), departure: Departure) -> RenderError {
        let line =
            |text: &str, number: usize| text.lines().nth(number.saturating_sub(1)).unwrap_or_default().to_string();
        let origin = |number| engine.origin_beside(&self.engine, &line(texts.0, number));
        let right = departure.measure.map(|number| match origin(number) {
            Some((template, line)) => (template, Some(line)),
            // A line that consists of values alone is attributed to the lines before it.
            None => ((1..number).rev().find_map(origin).map_or_else(|| name.into(), |(template, _)| template), None),
        });
        let place = departure.line.and_then(|number| {
            let text = line(texts.1, number);
            // Among several similar lines, the one in the place of the right one.
            let same = right.as_ref().filter(|(name, line)| self.engine.is_origin(name, line.unwrap_or(0), &text));
            same.map(|(name, line)| (self.engine.place(name), *line)).or_else(|| self.engine.origin(&text))
        });
        let (template, line) = place.unwrap_or_else(|| {
            let blamed = self.engine.blamed(right.as_ref().map_or(name, |(template, _)| template));
            (self.engine.place(&blamed), None)
        });
        RenderError { template, line, problem: RenderProblem::Departs { what: departure.what, right } }
    }
}

/// The text with the commands that `%pre` writes for cards, bonds and VLANs below the line that includes them.
fn with_links(text: &str) -> String {
    let include = format!("%include {}\n", links::NETWORK_FILE);
    match links::written(text) {
        Some(lines) => text.replacen(&include, &format!("{include}{lines}"), 1),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests;
