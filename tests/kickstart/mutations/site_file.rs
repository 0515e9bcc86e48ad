//! Faults in the site file.

use rackstart::config;

use super::{Dice, rich_example};

/// Lines of the example that say something, with their place.
fn key_lines(text: &str) -> Vec<usize> {
    let is_key = |line: &str| {
        let begins = |c: char| c.is_ascii_lowercase() || c == '{';
        line.trim_start().starts_with(begins) && line.contains(" = ")
    };
    text.lines().enumerate().filter(|(_, line)| is_key(line)).map(|(index, _)| index).collect()
}

/// Kinds of faults that `spoil` knows.
const KINDS: usize = 23;

/// Puts one fault into a line; none when this kind does not fit it.
fn spoil(line: &str, kind: usize) -> Option<String> {
    let (key, value) = line.split_once(" = ")?;
    let quoted = value.starts_with('"');
    Some(match kind {
        0 => format!("{key}x = {value}"),
        1 => format!("{key} = "),
        2 => format!("{key} {value}"),
        3 => format!("{line}\n{line}"),
        4 if quoted => format!("{key} = 7"),
        5 if quoted => format!("{key} = {}", value.strip_suffix('"')?),
        6 if quoted => format!("{key} = \"\\u0007{}", &value[1..]),
        7 if quoted => format!("{key} = \"\\n%post\\n{}", &value[1..]),
        8 if key == "disk" => line.replace("sectors = ", "sectors = 7 # "),
        9 if value.contains('}') => line.replacen('}', "", 1),
        10 if line.contains("network = \"") => line.replacen("network = \"", "network = \"x", 1),
        11 if line.contains("mac = \"5") => line.replacen("mac = \"5", "mac = \"z", 1),
        12 if line.contains("cards = [\"eth0") => line.replacen("cards = [\"eth0", "cards = [\"eth9", 1),
        13 if line.contains("over = \"") => line.replacen("over = \"", "over = \"no", 1),
        14 if line.contains("id = ") => line.replacen("id = ", "id = 9", 1).replacen("= 9", "= 99", 1),
        15 if line.contains("mode = \"") => line.replacen("mode = \"", "mode = \"8", 1),
        16 if line.contains("[\"") => line.replacen("[\"", "[\"%end ", 1),
        17 if key.contains("password") => format!("{key} = \"correct horse\""),
        18 if key == "name" && quoted && !value.contains("vg_") && value != "\"testbed\"" => format!("{key} = \"A b\""),
        19 if key == "address" => format!("{key} = \"10.9.8.7\""),
        20 if line.contains("size = ") => line.replacen("size = ", "size = -", 1),
        21 if line.contains("sectors = ") => line.replacen("sectors = ", "sectors = 512", 1),
        22 if line.contains("{ ") => line.replacen("{ ", "{ x", 1),
        _ => return None,
    })
}

/// The next line that is neither empty nor a comment.
fn next_code(lines: &[&str], at: usize) -> usize {
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with('#');
    lines[at + 1..].iter().position(is_code).map_or(at, |offset| at + 1 + offset)
}

/// The lines that problems point at, first places only.
fn told_lines(problems: &str) -> Vec<usize> {
    let places = problems.lines().filter_map(|line| line.trim_start().strip_prefix("--> site.toml:"));
    places.map(|place| place.split(':').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn every_fault_of_a_site_file_is_found_with_its_line() {
    let mut dice = Dice(1);
    let text = rich_example();
    config::parse(&text, "site.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let lines: Vec<&str> = text.lines().collect();
    let keys = key_lines(&text);
    let mut made = [0; KINDS];
    while made.iter().sum::<usize>() < 1000 || made.contains(&0) {
        let (at, kind) = (keys[dice.roll(keys.len())], dice.roll(KINDS));
        let Some(spoiled) = spoil(lines[at], kind).filter(|spoiled| spoiled != lines[at]) else { continue };
        made[kind] += 1;
        let mut text: Vec<&str> = lines.clone();
        text[at] = &spoiled;
        let what = format!("kind {kind} in line {}: {spoiled}", at + 1);
        let problems = match config::parse(&text.join("\n"), "site.toml") {
            Err(problems) => problems.to_string(),
            Ok(_) => panic!("served with {what}"),
        };
        assert_eq!(problems.matches("error: ").count(), problems.matches("\nhelp: ").count(), "{what}: {problems}");
        assert!(kind != 17 || !problems.contains("correct horse"), "{what}: {problems}");
        // The second of two equal keys is one too many. Without its end, a text or a table ends where the next line
        // does not fit into it.
        let told = told_lines(&problems);
        let expected = match kind {
            // A second partition of a group is the fault of the layout as a whole.
            3 if lines[at].contains("volume_group = ") => 1..=lines.len(),
            3 => at + 2..=at + 2,
            5 | 8 | 9 => at + 1..=next_code(&lines, at) + 2,
            1 | 4 if lines[at].trim_start().starts_with('{') => at + 1..=next_code(&lines, at) + 2,
            _ => at + 1..=at + 1,
        };
        assert!(told.iter().any(|line| expected.contains(line)), "{what}: told at {told:?}: {problems}");
    }
}
