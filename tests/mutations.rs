//! A thousand site files and templates with one fault each: every fault is found before anything is served, with its
//! line. The choice of faults is the same in every run.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rackstart::config::{self, EXAMPLE};
use rackstart::lifecycle::{BootToken, WipeScope};
use rackstart::render::{self, Renderer, Templates};
use rackstart::site::Site;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides
    }
}

/// Lines of the example that say something, with their place.
fn key_lines(text: &str) -> Vec<usize> {
    let is_key = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ");
    text.lines().enumerate().filter(|(_, line)| is_key(line)).map(|(index, _)| index).collect()
}

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
        _ => return None,
    })
}

#[test]
fn every_fault_of_a_site_file_is_found_with_its_line() {
    let mut dice = Dice(1);
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let keys = key_lines(EXAMPLE);
    let mut made = 0;
    while made < 700 {
        let (at, kind) = (keys[dice.roll(keys.len())], dice.roll(10));
        let Some(spoiled) = spoil(lines[at], kind) else { continue };
        made += 1;
        let mut text: Vec<&str> = lines.clone();
        text[at] = &spoiled;
        let problems = match config::parse(&text.join("\n"), "site.toml") {
            Err(problems) => problems.to_string(),
            Ok(_) => panic!("served with kind {kind} in line {}: {spoiled}", at + 1),
        };
        assert!(problems.contains("--> site.toml:"), "no line for kind {kind} in {spoiled}: {problems}");
        assert!(problems.contains("help: "), "no help for {spoiled}: {problems}");
    }
}

/// One node of each kind, on EL6 and on EL9.
fn sites() -> [Site; 2] {
    ["6.10", "9"].map(|release| {
        let text = EXAMPLE.replace("release = \"6.10\"", &format!("release = \"{release}\""));
        let mut site = config::parse(&text, "site.toml").unwrap();
        site.nodes.retain(|node| ["compute1", "controller"].contains(&node.name.as_str()));
        site
    })
}

/// Everything that an installer would read, of all nodes.
fn texts(renderer: &Renderer, sites: &[Site]) -> Result<String, render::RenderError> {
    let token = BootToken::from_random([0; 16]);
    let mut all = String::new();
    for site in sites {
        for node in &site.nodes {
            let plan = rackstart::plan::plan(node).unwrap();
            let disks = render::example_disks(node, &plan);
            all += &renderer.kickstart_whole(site, node, &token, &disks, WipeScope::BlankDiskOnly)?;
            all += &renderer.boot_script_install(site, node, &token)?;
        }
    }
    Ok(all)
}

/// Puts one fault into a line of a template; none when this kind does not fit it.
fn spoil_template(name: &str, line: &str, kind: usize) -> Option<String> {
    let is_command = name.ends_with(".ks.j2") && line.starts_with(|c: char| c.is_ascii_lowercase());
    match kind {
        0 => {
            let at = line.find("{{ ")? + 3;
            Some(format!("{}q{}", &line[..at], &line[at..]))
        }
        1 if is_command && !name.contains("packages") => {
            let at = line.find(' ').unwrap_or(line.len());
            Some(format!("{}x{}", &line[..at], &line[at..]))
        }
        2 if is_command => {
            let at = line.find(" --")? + 3;
            Some(format!("{}x{}", &line[..at], &line[at..]))
        }
        3 if line == "%end" => Some(String::new()),
        4 if line.contains("{% ") => Some(line.replacen("{% ", "{% x", 1)),
        5 if name.ends_with(".sh.j2") && !line.trim_start().starts_with('#') => {
            let at = line.find(['"', '\''])?;
            Some(format!("{}{}", &line[..at], &line[at + 1..]))
        }
        6 if line.contains("{{ ") => Some(line.replacen("}}", "", 1)),
        7 if line.trim() == "fi" || line.trim() == "done" => Some(String::new()),
        _ => None,
    }
}

fn bash_takes(text: &str) -> bool {
    let scripts = text.split("\n%p").skip(1).filter(|part| part.starts_with("re ") || part.starts_with("ost "));
    scripts.filter_map(|part| Some(part.split_once('\n')?.1.split("\n%end").next()?.to_string())).all(|script| {
        let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        bash.wait().unwrap().success()
    })
}

#[test]
fn every_fault_of_a_template_is_found_with_its_file_and_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = [
        "kickstart/base.ks.j2",
        "kickstart/storage.ks.j2",
        "kickstart/parts/commands-el6.ks.j2",
        "kickstart/parts/commands-el7.ks.j2",
        "kickstart/parts/network.ks.j2",
        "kickstart/parts/security.ks.j2",
        "kickstart/parts/packages.ks.j2",
        "kickstart/parts/pre.sh.j2",
        "kickstart/parts/post.sh.j2",
        "kickstart/parts/blank.sh.j2",
        "templates/ipxe/install.ipxe.j2",
    ];
    let files: BTreeMap<&str, String> =
        names.map(|name| (name, std::fs::read_to_string(root.join(name)).unwrap())).into();
    let sites = sites();
    let before = texts(&Renderer::new().unwrap(), &sites).unwrap();
    let mut dice = Dice(2);
    let mut made = 0;
    while made < 300 {
        let name = names[dice.roll(names.len())];
        let mut lines: Vec<&str> = files[name].lines().collect();
        let (at, kind) = (dice.roll(lines.len()), dice.roll(8));
        let Some(spoiled) = spoil_template(name, lines[at], kind) else { continue };
        made += 1;
        lines[at] = &spoiled;
        let own = Templates { folder: "own".into(), files: [(name.to_string(), lines.join("\n") + "\n")].into() };
        let what = format!("kind {kind} in {name}:{}: {spoiled}", at + 1);
        let errors = match Renderer::with_templates(own.clone()) {
            Err(error) => vec![error],
            Ok(renderer) => {
                let faults: Vec<_> = sites.iter().flat_map(|site| render::prove(&renderer, site)).collect();
                if faults.is_empty() {
                    // A fault in a part that no node uses, or a script that is still one.
                    let after = texts(&renderer, &sites).unwrap();
                    let harmless = after == before || (matches!(kind, 5 | 7) && bash_takes(&after));
                    assert!(harmless, "served with {what}");
                }
                faults.into_iter().map(|fault| fault.error).collect()
            }
        };
        for error in errors {
            assert!(error.template.contains(".j2") && error.line.is_some(), "{what}: no place in {error}");
        }
    }
}
