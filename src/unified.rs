//! Compares two texts line by line and shows them as `diff -u` does.

use similar::TextDiff;

/// Lines of unchanged text around a change.
const CONTEXT: usize = 3;

/// The unified diff of two texts; empty when they are equal. A missing final line break counts as equal.
pub(crate) fn diff(name: &str, old: &str, new: &str) -> String {
    let (old, new) = (whole_lines(old), whole_lines(new));
    TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&format!("old/{name}"), &format!("new/{name}"))
        .to_string()
}

fn whole_lines(text: &str) -> String {
    text.lines().map(|line| format!("{line}\n")).collect()
}

/// Counts the added and removed lines of a diff.
pub(crate) fn count(diff: &str) -> (usize, usize) {
    let body = diff.lines().skip(2);
    let of = |sign: char| body.clone().filter(|line| line.starts_with(sign)).count();
    (of('+'), of('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let shown = diff("x", old, &old.replace('5', "five"));
        assert_eq!(shown, "--- old/x\n+++ new/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
        assert_eq!(count(&shown), (1, 1));
        assert_eq!(diff("x", old, old), "");
    }

    #[test]
    fn far_changes_are_two_hunks_and_an_empty_side_counts_from_zero() {
        let old: String = (0..30).map(|n| format!("{n}\n")).collect();
        let new = old.replacen("0\n", "", 1).replace("29\n", "29\nend\n");
        assert_eq!(diff("x", &old, &new).matches("@@ -").count(), 2);
        assert!(diff("x", "", "a\nb\n").contains("@@ -0,0 +1,2 @@\n+a\n+b\n"));
    }
}
