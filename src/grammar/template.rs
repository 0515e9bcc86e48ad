//! Placeholders that Cobbler, Foreman and others fill in before a text is a kickstart: finds what is left of them, and
//! by which tool.

use super::Complaint;

/// Variables of yum, which occur in URLs of finished kickstarts.
const OF_YUM: [&str; 8] =
    ["arch", "basearch", "contentdir", "infra", "releasever", "releasever_major", "rltype", "stream"];

/// Words after the `#` of a Cheetah directive, and how the rest of the line begins then.
const DIRECTIVES: [(&str, &str); 8] = [
    ("if ", "$"),
    ("elif ", "$"),
    ("unless ", "$"),
    ("set ", "$"),
    ("for ", "$"),
    ("end ", ""),
    ("raw", ""),
    ("else", ""),
];

/// The template engine that a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Cheetah,
    Jinja,
    Erb,
    Other,
}

impl Engine {
    fn in_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Cheetah => (
                "a Cheetah template, as Cobbler has them",
                "give it what Cobbler renders: `cobbler system get-autoinstall --name=SYSTEM`",
            ),
            Self::Jinja => ("a Jinja template", "give it the text that is rendered from it for one machine"),
            Self::Erb => (
                "an ERB template, as Foreman has them",
                "give it what Foreman renders: the preview of the template on the host's page",
            ),
            Self::Other => ("a template with placeholders", "give it the text with the placeholders filled in"),
        }
    }
}

/// The text with its template lines emptied, and one complaint that names the first of them and counts the others.
pub(super) fn without(text: &str) -> (String, Option<Complaint>) {
    let mut first: Option<(usize, Engine)> = None;
    let mut count = 0;
    let mut filled = String::with_capacity(text.len());
    let mut in_script = false;
    for (index, line) in text.lines().enumerate() {
        let word = line.split_ascii_whitespace().next().unwrap_or_default();
        if matches!(word, "%pre" | "%post" | "%pre-install" | "%onerror" | "%traceback") {
            in_script = true;
        } else if word == "%end" {
            in_script = false;
        }
        match engine(line, in_script) {
            Some(engine) => {
                first.get_or_insert((index + 1, engine));
                count += 1;
                // In a script the line may open or close what other lines belong to.
                if in_script {
                    filled.push_str("  :");
                }
            }
            None => filled.push_str(line),
        }
        filled.push('\n');
    }
    let complaint = first.map(|(line, engine)| {
        let (whose, help) = engine.in_words();
        let more = match count {
            1 => "one of its lines is still here".to_string(),
            _ => format!("{count} of its lines are still here, and this is the first"),
        };
        Complaint::new(line, format!("this is {whose}, not a kickstart: {more}"), help)
    });
    (filled, complaint)
}

/// The engine that would fill in the line; none when it is plain text.
fn engine(line: &str, in_script: bool) -> Option<Engine> {
    let code = line.trim();
    let called = ["$SNIPPET(", "${SNIPPET(", "$getVar(", "${getVar("].iter().any(|call| code.contains(call));
    if called || code.starts_with("SNIPPET::") || is_directive(line) || has_pair(code, "@@", "@@") {
        return Some(Engine::Cheetah);
    }
    let (opens, closes) = (|mark: &str| code.starts_with(mark), |mark: &str| code.ends_with(mark));
    if opens("{%") && closes("%}") {
        return Some(Engine::Jinja);
    }
    if opens("<%") && closes("%>") {
        return Some(Engine::Erb);
    }
    // Shells and programs use braces and dollars themselves, and comments may say anything.
    if in_script || code.starts_with('#') {
        return None;
    }
    let within = |open: &str, close: &str| code.find(open).is_some_and(|at| code[at..].contains(close));
    if within("{{", "}}") || within("{%", "%}") {
        Some(Engine::Jinja)
    } else if within("<%", "%>") {
        Some(Engine::Erb)
    } else if code.split([' ', '\t', '=', '"', '\'', ',']).any(is_variable) {
        Some(Engine::Cheetah)
    } else if has_pair(code, "&&", "&&") || has_pair(code, "@", "@") {
        Some(Engine::Other)
    } else {
        None
    }
}

/// Recognises `#if $tree` and `#end if`, which a kickstart parser takes for comments.
fn is_directive(line: &str) -> bool {
    let Some(code) = line.trim_start().strip_prefix('#') else { return false };
    DIRECTIVES.iter().any(|(word, next)| {
        code.strip_prefix(word).is_some_and(|rest| match (*word, *next) {
            (_, "$") => rest.trim_start_matches(['(', ' ']).starts_with('$') || rest.starts_with("not $"),
            ("end ", _) => ["if", "for", "raw", "unless"].contains(&rest.trim()),
            _ => rest.trim().is_empty(),
        })
    })
}

/// Recognises `$tree` and `${tree}`, but not `$6$…` of a password hash, nor what yum fills in later.
fn is_variable(word: &str) -> bool {
    let Some(name) = word.strip_prefix('$') else { return false };
    let name = name.strip_prefix('{').unwrap_or(name);
    let length = name.bytes().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == b'_').count();
    let (name, rest) = name.split_at(length);
    name.starts_with(|letter: char| letter.is_ascii_alphabetic()) && !rest.starts_with('$') && !OF_YUM.contains(&name)
}

/// Whether a name in capitals, or any identifier, is between the two marks.
fn has_pair(code: &str, open: &str, close: &str) -> bool {
    let is_name = |text: &str| {
        let capitals = open.len() > 1 || text.bytes().any(|letter| letter.is_ascii_uppercase());
        let letters = |letter: u8| letter.is_ascii_digit() || letter == b'_' || letter.is_ascii_uppercase();
        let any = |letter: u8| letters(letter) || letter.is_ascii_lowercase();
        let fits = if open == "@@" { text.bytes().all(any) } else { text.bytes().all(letters) };
        text.len() > 1 && capitals && fits
    };
    code.match_indices(open).any(|(at, _)| {
        let rest = &code[at + open.len()..];
        rest.find(close).is_some_and(|end| is_name(&rest[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_told_with_the_tool_that_leaves_them() {
        for (line, expected) in [
            ("$SNIPPET('network_config')", Engine::Cheetah),
            ("SNIPPET::post_install", Engine::Cheetah),
            ("url --url=$tree", Engine::Cheetah),
            ("#if $getVar('x', '')", Engine::Cheetah),
            ("#end if", Engine::Cheetah),
            ("$yum_repo_stanza", Engine::Cheetah),
            ("url --url=http://@@http_server@@/x", Engine::Cheetah),
            ("rootpw --iscrypted {{ hash }}", Engine::Jinja),
            ("{% if x %}", Engine::Jinja),
            ("<%= snippet 'x' %>", Engine::Erb),
            ("&&YUM_EXTRA_REPO&&", Engine::Other),
            ("url --url=@KSTEST_URL@", Engine::Other),
        ] {
            assert_eq!(engine(line, false), Some(expected), "{line}");
        }
        for line in ["$SNIPPET('x')", "#raw", "  {% endif %}", "<% if x -%>"] {
            assert!(engine(line, true).is_some(), "{line}");
        }
    }

    #[test]
    fn what_kickstarts_and_shells_write_themselves_is_no_leftover() {
        for line in [
            "rootpw --iscrypted $6$abc$def",
            "rootpw --iscrypted $y$j9T$x$y",
            "repo --name=x --baseurl=http://x/$releasever/$basearch/",
            "# if you want, see {{ x }} and $tree",
            "#ifcfg",
            "@core",
            "@Development Tools@",
            "user --name=a@b",
            "part / --size=1 # &&",
        ] {
            assert_eq!(engine(line, false), None, "{line}");
        }
        for line in ["x=${y}", "docker ps --format '{{.Names}}'", "a && b && c", "mail @ADMIN@", "@@ -1,2 +1,2 @@"] {
            assert_eq!(engine(line, true), None, "{line}");
        }
    }

    #[test]
    fn one_complaint_counts_all_lines_and_they_are_read_no_further() {
        let (filled, complaint) = without("lang en_US\n$a\n#if $b\n%post\n#end if\necho\n%end\n");
        let complaint = complaint.unwrap();
        assert_eq!(complaint.line, 2);
        assert!(complaint.what.contains("Cobbler") && complaint.what.contains("3 of its lines are"), "{complaint}");
        assert_eq!(filled, "lang en_US\n\n\n%post\n  :\necho\n%end\n");
    }
}
