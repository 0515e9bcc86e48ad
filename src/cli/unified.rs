//! Two texts line by line, as `diff -u` shows them.

/// Lines of unchanged text around a change.
const CONTEXT: usize = 3;

/// One line of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The unified diff of two texts; empty when they are equal.
pub fn diff(name: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let lines = compare(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
    let mut out = format!("--- old/{name}\n+++ new/{name}\n");
    let changed: Vec<usize> = (0..lines.len()).filter(|&at| !matches!(lines[at], Line::Same(_))).collect();
    let mut index = 0;
    while index < changed.len() {
        let start = changed[index].saturating_sub(CONTEXT);
        let mut last = index;
        while last + 1 < changed.len() && changed[last + 1] - changed[last] <= 2 * CONTEXT + 1 {
            last += 1;
        }
        let end = (changed[last] + CONTEXT + 1).min(lines.len());
        hunk(&lines, start, end, &mut out);
        index = last + 1;
    }
    out
}

/// Added and removed lines of a diff.
pub fn count(diff: &str) -> (usize, usize) {
    let body = diff.lines().skip(2);
    let of = |sign: char| body.clone().filter(|line| line.starts_with(sign)).count();
    (of('+'), of('-'))
}

fn hunk(lines: &[Line<'_>], start: usize, end: usize, out: &mut String) {
    let old = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::New(_))).count();
    let new = |lines: &[Line<'_>]| lines.iter().filter(|line| !matches!(line, Line::Old(_))).count();
    let part = &lines[start..end];
    // `diff -u` counts from 1, and an empty side from the line before.
    let first = |before: usize, length: usize| before + usize::from(length > 0);
    let (olds, news) = (old(part), new(part));
    let (from, to) = (first(old(&lines[..start]), olds), first(new(&lines[..start]), news));
    out.push_str(&format!("@@ -{from},{olds} +{to},{news} @@\n"));
    for line in part {
        let (sign, text) = match line {
            Line::Same(text) => (' ', text),
            Line::Old(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        out.push(sign);
        out.push_str(text);
        out.push('\n');
    }
}

/// The longest common lines, after what is equal at both ends.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut lines: Vec<Line<'a>> = old[..head].iter().map(|line| Line::Same(line)).collect();
    // A table of thousands of lines a side is too large; then all is replaced, which is true as well.
    if a.len().saturating_mul(b.len()) > 4_000_000 {
        lines.extend(a.iter().map(|line| Line::Old(line)));
        lines.extend(b.iter().map(|line| Line::New(line)));
    } else {
        let width = b.len() + 1;
        let mut table = vec![0u32; (a.len() + 1) * width];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                table[i * width + j] = match a[i] == b[j] {
                    true => table[(i + 1) * width + j + 1] + 1,
                    false => table[(i + 1) * width + j].max(table[i * width + j + 1]),
                };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                lines.push(Line::Same(a[i]));
                (i, j) = (i + 1, j + 1);
            } else if j == b.len() || i < a.len() && table[(i + 1) * width + j] >= table[i * width + j + 1] {
                lines.push(Line::Old(a[i]));
                i += 1;
            } else {
                lines.push(Line::New(b[j]));
                j += 1;
            }
        }
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| Line::Same(line)));
    lines
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
