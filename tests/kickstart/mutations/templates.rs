//! Faults in one line of a template.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use rackstart::config;
use rackstart::lifecycle::{BootToken, WipeScope};
use rackstart::render::{self, Renderer};
use rackstart::site::Site;

use super::{Dice, own, rich_example, shipped};

/// One node of each kind, on EL6 and on EL9.
fn sites() -> [Site; 2] {
    ["6.10", "9"].map(|release| {
        let text = rich_example().replace("release = \"6.10\"", &format!("release = \"{release}\""));
        let mut site = config::parse(&text, "site.toml").unwrap();
        site.nodes.retain(|node| ["compute1", "compute4", "controller"].contains(&node.name.as_str()));
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
            all += &renderer.boot_script_local_disk(node, "a reason")?;
            all += &renderer.unknown_script(render::ScriptFor::Ipxe, node.mac)?;
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
    let names = [
        "kickstart/base.ks.j2",
        "kickstart/storage.ks.j2",
        "kickstart/parts/commands-el6.ks.j2",
        "kickstart/parts/commands-el7.ks.j2",
        "kickstart/parts/network.ks.j2",
        "kickstart/parts/nics.ks.j2",
        "kickstart/parts/security.ks.j2",
        "kickstart/parts/packages.ks.j2",
        "kickstart/parts/root.ks.j2",
        "kickstart/parts/users.ks.j2",
        "kickstart/parts/pre.sh.j2",
        "kickstart/parts/post.sh.j2",
        "kickstart/parts/blank.sh.j2",
        "kickstart/parts/cards.sh.j2",
        "kickstart/parts/disk.sh.j2",
        "kickstart/parts/failed.sh.j2",
        "kickstart/parts/logs.sh.j2",
        "templates/ipxe/install.ipxe.j2",
        "templates/ipxe/local-disk.ipxe.j2",
        "templates/ipxe/unknown.ipxe.j2",
    ];
    let files: BTreeMap<&str, String> = names.map(|name| (name, shipped(name))).into();
    let sites = sites();
    let before = texts(&Renderer::new().unwrap(), &sites).unwrap();
    let mut dice = Dice(2);
    let mut made = 0;
    while made < 400 {
        let name = names[dice.roll(names.len())];
        let mut lines: Vec<&str> = files[name].lines().collect();
        let (at, kind) = (dice.roll(lines.len()), dice.roll(8));
        let Some(spoiled) = spoil_template(name, lines[at], kind) else { continue };
        made += 1;
        lines[at] = &spoiled;
        let what = format!("kind {kind} in {name}:{}: {spoiled}", at + 1);
        let errors = match Renderer::with_templates(own(name, &lines)) {
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
        let own_name = format!("own/{name}");
        // What is missing, or is brought in where it does not belong, has a template and no line.
        let is_placed = |error: &render::RenderError| error.line.is_some() || error.template == own_name;
        for error in &errors {
            assert!(error.template.ends_with(".j2") && is_placed(error), "{what}: no place in {error}");
        }
        // A fault that changes what one line says is told with its file and its line; what is not closed, with its file.
        let is_told = |error: &render::RenderError| {
            let line = error.line.unwrap_or(0);
            error.template == own_name && (!matches!(kind, 0 | 1 | 2 | 4) || line == at + 1)
        };
        let spoils_others = matches!(kind, 3 | 5 | 7);
        assert!(errors.is_empty() || spoils_others || errors.iter().any(is_told), "{what}: told as {errors:?}");
    }
}
