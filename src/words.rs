//! What the known words offer somebody who wrote another: the one that was probably meant, and a text quoted so that a
//! message stays in one piece.

/// Returns the known word nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<T: AsRef<str>>(word: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    let word = word.to_lowercase();
    // A third of the letters may differ: enough for swapped, lost and doubled ones, too little for another word.
    let most = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.as_ref().to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by(|a, b| (a.0, a.1.as_ref()).cmp(&(b.0, b.1.as_ref())))
        .map(|(_, candidate)| candidate)
}

/// The question that [`nearest`] leads to: "did you mean `network`?".
pub(crate) fn did_you_mean<T: AsRef<str>>(word: &str, known: impl IntoIterator<Item = T>) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{}`?", candidate.as_ref()))
}

/// The help line for an unknown word: a suggestion if there is one, then all that is known as `label`.
pub(crate) fn suggest<'a>(word: &str, label: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return format!("{label}: none");
    }
    let all = format!("{label}: {}", known.join(", "));
    match did_you_mean(word, known) {
        Some(question) => format!("{question} {all}"),
        None => all,
    }
}

/// A text from the file as it may stand in a message: control characters escaped, cut at 60 letters.
pub(crate) fn quote(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let dots = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{dots}`", short.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}

/// A number of seconds in the usual units: `42 s`, `3 min`, `5 h`, `2 d`.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let roles = ["compute", "controller", "gateway"];
        for (typed, meant) in [("comptue", Some("compute")), ("Gateway", Some("gateway")), ("storage", None)] {
            assert_eq!(nearest(typed, roles), meant, "{typed}");
        }
        assert_eq!(
            suggest("contoller", "roles", roles),
            "did you mean `controller`? roles: compute, controller, gateway"
        );
    }

    #[test]
    fn a_quoted_text_cannot_break_the_line() {
        assert_eq!(quote("a\nb"), "`a\\nb`");
        assert_eq!(quote(&"x".repeat(99)), format!("`{}...`", "x".repeat(60)));
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let said: Vec<_> = [0, 119, 120, 7199, 7200, 172_800].map(duration).into();
        assert_eq!(said, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d"]);
    }
}
