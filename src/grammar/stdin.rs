//! Whether a line of a script reads standard input: on EL6 that is the log of the script itself, so such a `read` never
//! ends well.

/// Whether the command on this line reads standard input without being given one.
pub(super) fn reads(lines: &[&str], index: usize) -> bool {
    let line = lines[index];
    let Some(place) = read_word(line) else { return false };
    let fed = |text: &str| text.contains('<');
    // There may be a pipe before it, on this line or at the end of the previous one.
    let before = &line[..place];
    let piped = before.contains('|')
        || index.checked_sub(1).is_some_and(|above| {
            let above = lines[above].trim_end().trim_end_matches('\\').trim_end();
            above.ends_with('|') && !above.ends_with("||")
        });
    if fed(line) || piped {
        return false;
    }
    // A loop gets its input at its end, which has the same indentation.
    let indent = |line: &str| line.len() - line.trim_start().len();
    let end =
        lines[index + 1..].iter().find(|later| later.trim_start().starts_with("done") && indent(later) == indent(line));
    let in_loop = ["while", "until"].iter().any(|word| before.contains(word));
    !(in_loop && end.is_some_and(|end| fed(end)))
}

/// Where `read`, or a `cat` without a file, is a command.
fn read_word(line: &str) -> Option<usize> {
    let code = line.trim_start();
    if code.starts_with('#') {
        return None;
    }
    let mut from = 0;
    while let Some(offset) = line[from..].find("read") {
        let place = from + offset;
        let behind = line[place + 4..].chars().next().unwrap_or(' ');
        if behind == ' ' && is_command_place(&line[..place]) {
            return Some(place);
        }
        from = place + 4;
    }
    let is_bare_cat = code == "cat" || code.starts_with("cat |") || code.starts_with("cat >");
    is_bare_cat.then(|| line.len() - code.len())
}

fn is_command_place(before: &str) -> bool {
    let trimmed = before.trim_end();
    let joins = trimmed.is_empty() || trimmed.ends_with([';', '|', '&', '(', '{', '!']) || trimmed.ends_with("$(");
    let words = ["while", "until", "if", "then", "do", "else"];
    // This covers `IFS=, read` and similar lines.
    let last = trimmed.rsplit(' ').next().unwrap_or_default();
    joins || words.contains(&last) || (last.starts_with("IFS=") && before.ends_with(' '))
}
