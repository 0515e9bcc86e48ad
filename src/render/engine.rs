//! The template engine in a strict configuration: undefined names are errors, values are encoded by context, rendering
//! has a budget, and there is no I/O.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use rust_embed::RustEmbed;
use serde::Serialize;

use super::escape::{self, Context};
use super::templates::{HOOKS, Templates, is_hook};
use super::{RenderError, RenderProblem};
use crate::words;

/// Instructions that one rendering may execute. What has a line for each node needs some ten of them for each, so a site
/// of 100,000 nodes needs a few million; everything else needs fewer than 1,000. An endless loop ends within seconds.
const FUEL: u64 = 10_000_000;

#[derive(RustEmbed)]
#[folder = "kickstart/"]
#[prefix = "kickstart/"]
pub(super) struct KickstartFiles;

/// Everything below `templates/`. Only names that end in `.j2` are templates; other files are used unchanged.
#[derive(RustEmbed)]
#[folder = "templates/"]
#[prefix = "templates/"]
pub(super) struct TemplateFiles;

/// Renders templates, found by name, with values.
pub(super) struct Engine {
    environment: Environment<'static>,
    /// The operator's files, and the folder that they come from.
    own: Templates,
}

impl Engine {
    /// Parses every template. `own` replaces embedded ones by name, or adds new ones.
    pub(crate) fn new(own: Templates) -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment
            .set_syntax(syntax.map_err(|error| explain(&error, "the template syntax", &serde_json::Value::Null))?);
        environment.set_auto_escape_callback(|name| AutoEscape::Custom(Context::of_template(name).name().into()));
        environment.set_formatter(write_value);
        environment.add_filter("sh", |value: &Value| encode(Context::Shell, value));
        environment.add_filter("ks", |value: &Value| encode(Context::Kickstart, value));
        environment.add_filter("name", |value: &Value| name(value));
        environment.add_filter("ini", |value: &Value| encode(Context::Ini, value));
        let mut texts = BTreeMap::new();
        let files = KickstartFiles::iter().map(|name| (KickstartFiles::get(&name), name));
        let files = files.chain(TemplateFiles::iter().map(|name| (TemplateFiles::get(&name), name)));
        for (file, name) in files.filter(|(_, name)| name.ends_with(".j2")) {
            let Some(file) = file else { continue };
            let text = String::from_utf8(file.data.into_owned())
                .map_err(|_| RenderError::new(&name, RenderProblem::Template("it is not UTF-8 text".into())))?;
            texts.insert(name.into_owned(), text);
        }
        texts.extend(own.files.iter().filter(|(name, _)| name.ends_with(".j2")).map(|(n, t)| (n.clone(), t.clone())));
        // Which hooks are used is known before any node is, and a section of the kickstart depends on it.
        let hooks = HOOKS.map(|hook| (hook, own.files.keys().any(|name| is_hook(name, hook))));
        environment.add_global("hooks", Value::from(Serde(&BTreeMap::from(hooks))));
        for (name, text) in texts {
            environment.add_template_owned(name.clone(), text).map_err(|error| {
                let mut error = explain(&error, &name, &serde_json::Value::Null);
                error.template = own.place(&error.template);
                error
            })?;
        }
        Ok(Self { environment, own })
    }

    /// The names of all files below a folder, both embedded and the operator's.
    pub(crate) fn names(&self, folder: &str) -> BTreeSet<String> {
        let embedded = TemplateFiles::iter().map(std::borrow::Cow::into_owned);
        embedded.chain(self.own.files.keys().cloned()).filter(|name| name.starts_with(folder)).collect()
    }

    /// Describes which of the operator's files are in use.
    pub(crate) fn own_in_use(&self) -> Option<String> {
        self.own.in_use()
    }

    /// What is wrong with the operator's own firstboot steps, and with what the blueprint promises of them.
    pub(crate) fn own_step_faults(&self, blueprint: &crate::site::Blueprint) -> Vec<super::StepFault> {
        let mut faults = super::own_steps::faults(&self.own, blueprint);
        faults.extend(super::own_blueprint::faults(self, blueprint));
        faults
    }

    /// The names of the operator's files.
    pub(crate) fn own_names(&self) -> Vec<&str> {
        self.own.files.keys().map(String::as_str).collect()
    }

    /// A file unchanged; the operator's takes precedence over the embedded one.
    pub(crate) fn file(&self, name: &str) -> Option<Vec<u8>> {
        let own = self.own.files.get(name).map(|text| text.clone().into_bytes());
        own.or_else(|| Some(TemplateFiles::get(name)?.data.into_owned()))
    }

    /// The template and line that a line of a kickstart most likely came from, preferring the operator's. If it came
    /// from a template of rackstart that is only included by a file of the operator, that file without a line.
    pub(crate) fn origin(&self, line: &str) -> Option<(String, Option<usize>)> {
        let is_own = |name: &str| self.own.files.contains_key(name);
        let (name, line) = self.origin_by(line, |name, likeness| (is_own(name), likeness))?;
        let blamed = self.blamed(&name);
        Some(match is_own(&name) || !is_own(&blamed) {
            true => (self.own.place(&name), Some(line)),
            false => (self.own.place(&blamed), None),
        })
    }

    /// Like [`Self::origin`], for a line that `own` lacks and that most likely one of the operator's files should have.
    pub(crate) fn origin_beside(&self, own: &Self, line: &str) -> Option<(String, usize)> {
        self.origin_by(line, |name, likeness| (likeness > 0 && own.own.files.contains_key(name), likeness))
    }

    /// Whether a line of a kickstart can come from this line of the operator's file.
    pub(crate) fn is_origin(&self, name: &str, number: usize, line: &str) -> bool {
        let source = self.own.files.get(name).and_then(|text| text.lines().nth(number.saturating_sub(1)));
        source.is_some_and(|source| likeness(source.trim(), line.trim()).is_some())
    }

    fn origin_by<R: Ord>(&self, line: &str, rank: impl Fn(&str, isize) -> R) -> Option<(String, usize)> {
        let line = line.trim();
        let mut best: Option<(R, &str, usize)> = None;
        for (name, template) in self.environment.templates().filter(|(name, _)| name.starts_with("kickstart/")) {
            for (index, text) in template.source().lines().enumerate() {
                let Some(likeness) = likeness(text.trim(), line) else { continue };
                let rank = rank(name, likeness);
                if best.as_ref().is_none_or(|best| rank > best.0) {
                    best = Some((rank, name, index + 1));
                }
            }
        }
        best.map(|(_, name, line)| (name.to_string(), line))
    }

    /// The template at fault when the output of the template of this name is missing: the operator's file in its place,
    /// or one that should include it.
    pub(crate) fn blamed(&self, name: &str) -> String {
        let include = format!("include \"{name}\"");
        let includes = |file: &str| {
            KickstartFiles::get(file).is_some_and(|text| String::from_utf8_lossy(&text.data).contains(&include))
        };
        let above = || KickstartFiles::iter().filter(|file| includes(file)).map(|file| self.blamed(&file));
        let own = if self.own.replaces(name) { None } else { above().find(|file| self.own.replaces(file)) };
        own.unwrap_or_else(|| name.into())
    }

    /// How messages name a template.
    pub(crate) fn place(&self, name: &str) -> String {
        self.own.place(name)
    }

    /// Renders one template. All values are checked before any of them is written.
    pub(crate) fn render(&self, name: &str, values: &impl Serialize) -> Result<String, RenderError> {
        let template = self.environment.get_template(name);
        let template = template.map_err(|_| RenderError::new(name, RenderProblem::Missing))?;
        let problem = |problem| RenderError::new(&self.own.place(name), problem);
        let values =
            serde_json::to_value(values).map_err(|error| problem(RenderProblem::Template(error.to_string())))?;
        check_values(&values, Context::of_template(name)).map_err(problem)?;
        template.render(Value::from(Serde(&values))).map_err(|error| {
            let mut error = explain(&error, name, &values);
            error.template = self.own.place(&error.template);
            error
        })
    }
}

/// How well a line of a text matches a line of a template: the letters of the template's fixed pieces that occur in it
/// in order, minus those of pieces that do not, which may be in a condition. `None` when it cannot be rendered from
/// that template line.
fn likeness(template: &str, line: &str) -> Option<isize> {
    let (mut rest, mut likeness, mut is_first) = (template, 0, true);
    let mut after = line;
    while !rest.is_empty() {
        let tag = ["{{", "{%", "{#"].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
        let (fixed, tail) = rest.split_at(tag);
        let length = isize::try_from(fixed.len()).unwrap_or(isize::MAX);
        let place = if is_first { after.starts_with(fixed).then_some(0) } else { after.find(fixed) };
        match place {
            Some(place) => {
                after = &after[place + fixed.len()..];
                likeness += length;
            }
            None if is_first => return None,
            None => likeness -= length,
        }
        let end = ["}}", "%}", "#}"].iter().filter_map(|mark| tail.find(mark)).min();
        (rest, is_first) = (end.map_or("", |end| &tail[end + 2..]), false);
    }
    let begins_alike = !template.starts_with('{');
    // A line without any tag either is that line or is not.
    let is_plain = !template.contains("{{") && !template.contains("{%");
    // A template line that begins with a tag is usually the end of one that begins further up.
    let late = if template.starts_with('{') { 1000 } else { 0 };
    ((likeness > 0 || begins_alike) && (!is_plain || template == line)).then_some(likeness - late)
}

/// Refuses values that no text of this kind can contain; the error names the variable.
fn check_values(value: &serde_json::Value, context: Context) -> Result<(), RenderProblem> {
    refuse(value, context).map_err(|(path, why)| RenderProblem::Value { variable: path, why })
}

/// The path of the value that is refused, and why. There are thousands of values, so a path is made only for that one.
fn refuse(value: &serde_json::Value, context: Context) -> Result<(), (String, String)> {
    match value {
        serde_json::Value::String(text) => {
            let refused = |why: &str| (String::new(), why.to_string());
            escape::refuse_control(text).map_err(refused)?;
            if context == Context::Kickstart {
                escape::refuse_section_word(text).map_err(refused)?;
            }
            Ok(())
        }
        serde_json::Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            refuse(item, context).map_err(|(path, why)| (format!("[{index}]{path}"), why))
        }),
        serde_json::Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            refuse(field, context).map_err(|(path, why)| {
                let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                (format!("{name}{dot}{path}"), why)
            })
        }),
        _ => Ok(()),
    }
}

/// The last step of every `{{ … }}`: only safe text, encoded text and numbers are written.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_safe() {
        return out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from);
    }
    let context = match state.auto_escape() {
        AutoEscape::Custom(name) => Context::from_name(name),
        _ => None,
    };
    let encoded = encode(context.unwrap_or(Context::Plain), value)?;
    out.write_str(encoded.as_str().unwrap_or_default()).map_err(Error::from)
}

fn encode(context: Context, value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Number => Ok(Value::from_safe_string(value.to_string())),
        ValueKind::String => {
            let text = context.encode(value.as_str().unwrap_or_default());
            text.map(Value::from_safe_string).map_err(|why| Error::new(ErrorKind::BadEscape, why))
        }
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        other => Err(Error::new(ErrorKind::BadEscape, format!("is of kind {other}, which cannot be written"))),
    }
}

/// Writes a shell variable name unchanged; it cannot be quoted.
fn name(value: &Value) -> Result<Value, Error> {
    let text = value.as_str().unwrap_or_default();
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match text.bytes().all(letters) && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        true => Ok(Value::from_safe_string(text.into())),
        false => Err(Error::new(ErrorKind::BadEscape, "is not a shell variable name: letters, digits and underscores")),
    }
}

/// Converts the engine's error into ours: the innermost template and line, and the value of the expression there.
fn explain(error: &Error, name: &str, values: &serde_json::Value) -> RenderError {
    let mut inner = error;
    while let Some(source) = std::error::Error::source(inner).and_then(|source| source.downcast_ref::<Error>()) {
        inner = source;
    }
    let expression = inner.range().and_then(|range| inner.template_source()?.get(range)).unwrap_or_default();
    let expression: String = expression.lines().next().unwrap_or_default().chars().take(80).collect();
    let problem = match (inner.kind(), inner.detail()) {
        (ErrorKind::UndefinedError, _) => {
            let path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
            let start = expression.find(|c: char| c.is_ascii_alphabetic() || c == '_').unwrap_or(0);
            let name: String = expression[start..].chars().take_while(|c| path(*c)).collect();
            let suggestion = nearest(&name, values);
            RenderProblem::Undefined { name, suggestion }
        }
        (ErrorKind::BadEscape, Some(why)) => RenderProblem::Value { variable: expression, why: why.into() },
        (ErrorKind::OutOfFuel, _) => {
            RenderProblem::Template("it takes too many steps; does it have an endless loop?".into())
        }
        (kind, detail) => RenderProblem::Template(detail.map_or_else(|| kind.to_string(), str::to_string)),
    };
    RenderError { template: inner.name().unwrap_or(name).into(), line: inner.line(), problem }
}

fn nearest(name: &str, values: &serde_json::Value) -> Option<String> {
    let mut known = Vec::new();
    collect_names(values, "", &mut known);
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_string();
    // A name may be written in full and stand elsewhere, `mac` for `node.mac`.
    words::nearest(name, &known).cloned().or_else(|| {
        let near = words::nearest(&last(name), known.iter().map(|known| last(known)))?;
        known.into_iter().find(|known| last(known) == near)
    })
}

fn collect_names(values: &serde_json::Value, prefix: &str, names: &mut Vec<String>) {
    match values {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                collect_names(field, &path, names);
                names.push(path);
            }
        }
        serde_json::Value::Array(items) => items.iter().take(1).for_each(|item| collect_names(item, prefix, names)),
        _ => {}
    }
}
