//! A blueprint of the operator's own, from the folder of templates: the example of docs/blueprints.md, as it stands there.

use std::fs;
use std::path::Path;

use crate::support::desk::Desk;

/// Writes the files that the page shows: each block is for the path that was named last before it.
fn example(folder: &Path) -> usize {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/blueprints.md")).unwrap();
    let example = page.split("## An example, whole").nth(1).unwrap().split("## What was run").next().unwrap();
    let mut files = 0;
    for part in example.split("```").collect::<Vec<_>>().chunks(2) {
        let [words, block] = part else { continue };
        let named = words.split('`').rfind(|word| word.starts_with("templates/"));
        let path = folder.join(named.unwrap_or_else(|| panic!("no path before {block}")));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, block.split_once('\n').unwrap().1).unwrap();
        files += 1;
    }
    files
}

fn desk() -> Desk {
    let desk = Desk::new();
    let tree = desk.tree("9.5");
    assert_eq!(example(&desk.path("own")), 4);
    let node = |number: u8, role: &str| {
        format!(
            "[[node]]\nname = \"srv{number}\"\n{role}address = \"192.168.0.1{number}\"\ndisk = {{ serial = \"S{number}\", size = \"480 GB\" }}\n\
             nics = [{{ name = \"eth0\", mac = \"52:54:00:00:00:1{number}\", network = \"lan\" }}]\n"
        )
    };
    let site = format!(
        "[site]\nname = \"w\"\nblueprint = \"watch\"\ntemplates = \"{}\"\nrelease = \"9\"\ninstall_tree = \"el9\"\nfirmware = \"uefi\"\n\
         [server]\ninterface = \"lo\"\naddress = \"192.168.0.254\"\n\
         [network]\nsubnet = \"192.168.0.0/24\"\nrouter = \"192.168.0.1\"\ndns = [\"192.168.0.254\"]\nntp = []\n\
         [[install_tree]]\nname = \"el9\"\npath = \"{}\"\n{}{}{}",
        desk.path("own").display(),
        tree.display(),
        node(1, "role = \"collector\"\n"),
        node(2, "role = \"agent\"\n"),
        node(3, "role = \"agent\"\n"),
    );
    fs::write(desk.path("rackstart.toml"), site).unwrap();
    desk
}

#[test]
fn the_example_of_the_page_is_a_blueprint() {
    let desk = desk();
    let told = desk.run(&["check"]);
    assert!(told.stdout.contains("blueprint watch, hardened mode"), "{}{}", told.stdout, told.stderr);
    let list = |node: &str| desk.run(&["render", node, "firstboot-list"]).stdout;
    let has = |node: &str, path: &str| list(node).lines().any(|line| line.ends_with(path));
    assert!(has("srv1", " steps/20-watch-collector/01-listen.sh") && !has("srv1", "01-send.sh"), "{}", list("srv1"));
    assert!(has("srv2", " steps/30-watch-agent/01-send.sh") && has("srv2", " lib/agent.sh"), "{}", list("srv2"));
    let env = desk.run(&["render", "srv2", "firstboot-file", "env"]).stdout;
    for line in ["COLLECTOR='srv1'", "PORT='9999'", "AGENT_ID=''", "ROLE='agent'", "NODES='srv1 srv2 srv3'"] {
        assert!(env.lines().any(|found| found == line), "{line} is not in\n{env}");
    }
    assert!(desk.run(&["render", "srv2", "firstboot-file", "secrets"]).stdout.contains("WATCH_PASSWORD='***'"));
}

#[test]
fn what_is_wrong_with_a_blueprint_of_ones_own_is_told_by_its_file() {
    let desk = desk();
    let path = desk.path("own/templates/blueprints/watch/blueprint.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in [
        ("provides = [\"collect\"]", "provides = [\"colect\"]", "names the unknown capability `colect`"),
        ("provides = [\"collect\"]", "", "no node provides `collect`"),
        ("form = \"uuid\"", "form = \"uid\"", "unknown `form` `uid`"),
        ("port = \"9999\"", "token = \"9999\"", "`token` is the name of"),
        ("steps = [\"watch\"]", "steps = [\"wacth\"]", "there is no step set `wacth`"),
        ("name = \"watch\"", "name = \"other\"", "is called `other`"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let told = desk.run(&["check"]);
        let said = told.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{expected}: {}{}", told.stdout, told.stderr);
        assert!(said.contains("help: "), "{said}");
    }
}
