//! What is wrong with a template or with a value in it, and where.

use std::fmt;

use crate::plan::PlanError;

/// One failure to render.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// The template, by its path below the project or the operator's template folder.
    pub template: String,
    /// The line in it, if known.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: RenderProblem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderProblem {
    /// A template names something that does not exist.
    #[error("`{name}` is not defined")]
    Undefined {
        /// As written in the template.
        name: String,
        /// The closest name that exists.
        suggestion: Option<String>,
    },
    /// A value cannot be written into this kind of text without changing its meaning.
    #[error("the value of `{variable}` {why}")]
    Value {
        /// The variable, or its expression in the template.
        variable: String,
        /// The reason.
        why: String,
    },
    /// The template engine rejects the template.
    #[error("{0}")]
    Template(String),
    /// There is no such template.
    #[error("there is no such template")]
    Missing,
    /// The text is longer than its reader accepts.
    #[error("the {what} is {length} bytes long, at most {most} fit")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The largest allowed length in bytes.
        most: usize,
    },
    /// The installer of the node's release would reject or misread a line of the kickstart.
    #[error("{what} (line {line} of the kickstart)")]
    Installer {
        /// The line in the complete kickstart, as `rackstart render` prints it.
        line: usize,
        /// What is wrong.
        what: String,
        /// One thing to do.
        help: String,
    },
    /// An operator's template lacks or changes something that rackstart's own template does.
    #[error("{what}")]
    Departs {
        /// What is wrong.
        what: String,
        /// The template and line of rackstart that does it; `None` when nothing should.
        right: Option<(String, Option<usize>)>,
    },
    /// The storage of the node cannot be planned.
    #[error("{0}")]
    Plan(Box<PlanError>),
}

impl From<PlanError> for RenderProblem {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

impl RenderError {
    /// An error that concerns a template as a whole.
    pub(crate) fn new(template: &str, problem: RenderProblem) -> Self {
        Self { template: template.into(), line: None, problem }
    }

    /// One thing to do about it.
    pub(crate) fn help(&self) -> Option<String> {
        match &self.problem {
            RenderProblem::Undefined { suggestion: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            RenderProblem::Undefined { .. } => Some("kickstart/README.md lists every variable".into()),
            RenderProblem::Plan(error) => Some(error.help()),
            RenderProblem::Installer { help, .. } => Some(help.clone()),
            RenderProblem::Departs { right: Some((template, _)), .. } if template.contains("/snippets/") => {
                Some(format!("include {template} as rackstart's own template does"))
            }
            RenderProblem::Departs { right: Some((template, Some(line))), .. } => {
                Some(format!("write it as line {line} of rackstart's own {template} does"))
            }
            RenderProblem::Departs { right: Some((template, None)), .. } => {
                Some(format!("write it as rackstart's own {template} does"))
            }
            RenderProblem::Departs { right: None, .. } => Some("remove it".into()),
            _ => None,
        }
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.template, self.problem),
            None => write!(f, "{}: {}", self.template, self.problem),
        }
    }
}

impl std::error::Error for RenderError {}
