//! The operator's templates held against rackstart's own: the same values, rendered by both. What a template may add is
//! the operator's choice; what it lost or changed of the storage commands is a fault, at `check` and whenever it is served.

use crate::grammar::{self, Departure};
use crate::site::Node;

use super::engine::Engine;
use super::storage::StorageValues;
use super::{RenderError, RenderProblem, Renderer, STORAGE};

impl Renderer {
    /// Passes a storage section on when it is what the plan demands.
    pub(super) fn measure_storage(
        &self,
        node: &Node,
        values: &StorageValues<'_>,
        section: String,
    ) -> Result<String, RenderError> {
        let Some(engine) = &self.measure else { return Ok(section) };
        let measure = engine.render(STORAGE, values)?;
        match grammar::storage_departures(node.release, &measure, &section).into_iter().next() {
            Some(departure) => Err(self.departs(engine, STORAGE, (&measure, &section), departure)),
            None => Ok(section),
        }
    }

    /// A departure with the template and the line that it most likely comes from. `texts` are the measure and the text.
    fn departs(&self, engine: &Engine, name: &str, texts: (&str, &str), departure: Departure) -> RenderError {
        let line =
            |text: &str, number: usize| text.lines().nth(number.saturating_sub(1)).unwrap_or_default().to_string();
        let right = departure.measure.and_then(|number| engine.origin(&line(texts.0, number)));
        let place = departure.line.and_then(|number| self.engine.origin(&line(texts.1, number)));
        let (template, line) = match place {
            Some((template, line)) => (template, Some(line)),
            None => (self.engine.blamed(right.as_ref().map_or(name, |(template, _)| template)), None),
        };
        RenderError { template, line, problem: RenderProblem::Departs { what: departure.what, right } }
    }
}

#[cfg(test)]
mod tests;
