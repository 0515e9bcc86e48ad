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

/// The example with the keys in it that it only mentions: bonds, VLANs, users, packages, services, own roles and layouts.
fn rich_example() -> String {
    let hash = format!("$6$salt${}", "h".repeat(86));
    let key = format!("ssh-rsa AAAA{}", "k".repeat(90));
    let user = format!(
        "ssh_keys = [\"{key}\"]\nroot_password_hash = \"{hash}\"\n\n[[user]]\nname = \"ann\"\ngroups = [\"wheel\"]\n\
         password_hash = \"{hash}\"\nssh_keys = [\"{key}\"]\n"
    );
    let plain = "nics = [\n  { name = \"eth0\", mac = \"52:54:00:a8:04:00\", network = \"none\" },\n  \
                 { name = \"eth1\", mac = \"52:54:00:a8:04:01\", network = \"lan\" },\n]";
    let bonded = "nics = [\n  { name = \"eth0\", mac = \"52:54:00:a8:04:00\" },\n  \
                  { name = \"eth1\", mac = \"52:54:00:a8:04:01\" },\n]\nbonds = [\n  \
                  { name = \"bond0\", cards = [\"eth0\", \"eth1\"], mode = \"802.3ad\", network = \"lan\" },\n]\n\
                  vlans = [\n  { id = 100, over = \"bond0\", network = \"none\" },\n]";
    let software = "packages = [\"tmux\"]\nservices = [\"snmpd\"]\nservices_off = [\"cups\"]\n";
    let (ntp, commented) = ("ntp = [\"192.168.0.254\"]", "# ntp = [\"192.168.0.254\"]");
    let mut text = EXAMPLE.replacen("kernel_args = \"\"\n", &format!("kernel_args = \"quiet\"\n{software}"), 1);
    for (from, to) in [("ssh_keys = []\n", user.as_str()), (plain, bonded), (commented, ntp)] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let own: Vec<&str> = EXAMPLE.lines().skip_while(|line| *line != "# [layout.two-disks]").collect();
    assert!(own.len() > 15);
    text.push('\n');
    for line in own {
        // What is prose stays a comment.
        let bare = line.strip_prefix("# ").unwrap_or_default();
        let is_code = bare.starts_with(['[', ']', ' ']) || bare.contains(" = ");
        text += &format!("{}\n", if is_code && !bare.starts_with("for one role") { bare } else { line });
    }
    text
}

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
        // A volume twice in a layout that no node has is served to nobody.
        3 if !line.contains("\"lv_") => format!("{line}\n{line}"),
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
    lines[at + 1..].iter().position(|line| is_code(line)).map_or(at, |offset| at + 1 + offset)
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
            all += &renderer.boot_script_unknown(node.mac)?;
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
    let files: BTreeMap<&str, String> =
        names.map(|name| (name, std::fs::read_to_string(root.join(name)).unwrap())).into();
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
        let own_name = format!("own/{name}");
        for error in &errors {
            assert!(error.template.ends_with(".j2") && error.line.is_some(), "{what}: no place in {error}");
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
