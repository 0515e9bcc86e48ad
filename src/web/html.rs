//! The templates of the pages. Every value is written as text: markup, terminal escapes and marks that turn the direction
//! of writing are shown, and do nothing.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use rust_embed::RustEmbed;
use serde::Serialize;

use crate::letters::is_unprintable;

/// Instructions that one page may execute; the largest one, of 200 nodes, needs about 30,000.
const FUEL: u64 = 5_000_000;

#[derive(RustEmbed)]
#[folder = "templates/web/"]
struct Files;

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// Renders a page. A template that fails is an error of ours, and its text says where.
pub(crate) fn render(name: &str, values: &impl Serialize) -> Result<String, String> {
    let page = PAGES.get_template(name).and_then(|template| template.render(Value::from(Serde(values))));
    page.map_err(|error| format!("{error:#}"))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual marks"));
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(write_value);
    environment.add_filter("prose", |text: &str| Value::from_safe_string(prose(text)));
    for name in pages() {
        let text = Files::get(&name).map(|file| file.data.into_owned()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        environment.add_template_owned(name.into_owned(), text).expect("a test parses every template");
    }
    environment
}

/// The names of all templates.
fn pages() -> impl Iterator<Item = std::borrow::Cow<'static, str>> {
    Files::iter().filter(|name| name.ends_with(".html"))
}

fn write_value(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    let text = match value.kind() {
        ValueKind::String if value.is_safe() => value.as_str().unwrap_or_default().to_string(),
        ValueKind::String => encode(value.as_str().unwrap_or_default()),
        ValueKind::Number => value.to_string(),
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        other => return Err(Error::new(ErrorKind::BadEscape, format!("is of kind {other}, which cannot be written"))),
    };
    out.write_str(&text).map_err(Error::from)
}

/// A text for HTML and SVG, between tags and in quoted attributes.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if is_unprintable(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// A sentence: what stands between two backticks in it is typed, or stands in a file.
fn prose(text: &str) -> String {
    let pieces: Vec<String> = encode(text).split('`').map(String::from).collect();
    if pieces.len().is_multiple_of(2) {
        return pieces.join("`");
    }
    let piece = |(n, piece): (usize, String)| if n.is_multiple_of(2) { piece } else { format!("<code>{piece}</code>") };
    pieces.into_iter().enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_terminal_escapes_and_turned_text_are_shown_and_do_nothing() {
        let hostile = "<script>alert('x')</script>\u{1b}[2J\u{202e}\" onload=x&\r\n";
        let shown = encode(hostile);
        assert_eq!(
            shown,
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\\u{1b}[2J\\u{202e}&quot; onload=x&amp;\\u{d}\n"
        );
    }

    #[test]
    fn what_is_typed_is_told_from_the_sentence_around_it() {
        assert_eq!(prose("write `a < b` or `c`"), "write <code>a &lt; b</code> or <code>c</code>");
        assert_eq!(prose("one ` alone <b>"), "one ` alone &lt;b&gt;");
        assert_eq!(prose("`` <i>`x`"), "<code></code> &lt;i&gt;<code>x</code>");
    }

    #[test]
    fn every_template_is_parsed_and_none_has_code_or_style_within() {
        let names: Vec<String> = pages().map(|name| name.into_owned()).collect();
        assert!(names.len() > 2 && environment().get_template("layout.html").is_ok(), "{names:?}");
        for name in names {
            let text = String::from_utf8(Files::get(&name).unwrap().data.into_owned()).unwrap();
            for word in ["<style", " style=", " onclick", "javascript:", "http://", "https://"] {
                assert!(!text.contains(word), "{name}: {word}");
            }
            assert_eq!(text.matches("<script").count(), usize::from(name == "layout.html"), "{name}");
        }
    }
}
