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

/// The site file of `init --blueprint allinone`, on this machine's own tree and without its repository.
fn one_server(changes: &[(&str, &str)]) -> Desk {
    from_init("allinone", changes)
}

fn from_init(blueprint: &str, changes: &[(&str, &str)]) -> Desk {
    let desk = Desk::new();
    let tree = desk.tree("6.10");
    assert_eq!(desk.run(&["init", "--blueprint", blueprint]).code, 0);
    let path = desk.path("rackstart.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("[[repository]]").unwrap();
    text = format!("{before}{}", &rest[rest.find("# Values that differ").unwrap()..]);
    let here = [("interface = \"eth0\"", "interface = \"lo\""), ("/srv/rackstart/centos6", tree.to_str().unwrap())];
    for (from, to) in here.iter().chain(changes) {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    fs::write(path, text).unwrap();
    desk
}

const TARGET: [(&str, &str); 3] =
    [("layout = \"grow\"", "layout = \"iscsi\""), ("# glance_target", "glance_target"), ("# glance_iqn", "glance_iqn")];

#[test]
fn one_server_is_a_whole_cloud_and_has_the_steps_of_every_role() {
    let desk = one_server(&[]);
    let told = desk.run(&["check"]);
    assert!(told.stdout.contains("blueprint allinone, hardened mode"), "{}{}", told.stdout, told.stderr);
    let list = desk.run(&["render", "cloud1", "firstboot-list"]).stdout;
    for step in ["01-network-gateway/02", "05-kvm-compute/05", "07-openstack-controller/25", "09-openstack-gateway/02"]
    {
        assert!(list.contains(&format!(" steps/{step}-")), "{step} is not in\n{list}");
    }
    assert!(!list.contains("gluster"), "{list}");
    let env = desk.run(&["render", "cloud1", "firstboot-file", "env"]).stdout;
    for line in ["COMPUTES='cloud1'", "CONTROLLER='cloud1'", "GATEWAY='cloud1'", "FROM_VMS='br100'"] {
        assert!(env.lines().any(|found| found == line), "{line} is not in\n{env}");
    }
    let ports = desk.run(&["plan", "cloud1", "--security"]).stdout;
    assert!(ports.contains("MySQL (tcp 3306); message queue (qpidd) (tcp 5672)"), "{ports}");
    assert!(ports.contains("\nforwarding: of the LAN and the virtual machines to the outside"), "{ports}");
}

#[test]
fn images_on_an_iscsi_target_have_a_layout_of_their_own_and_their_steps() {
    let desk = one_server(&TARGET);
    let told = desk.run(&["check"]);
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
    let plan = desk.run(&["plan", "cloud1"]).stdout;
    assert!(plan.contains("/var/lib/nova/instances") && !plan.contains("/var/lib/glance/images"), "{plan}");
    let secrets = desk.run(&["render", "cloud1", "firstboot-file", "secrets"]).stdout;
    assert!(secrets.contains("GLANCE_CHAP_PASSWORD='***'"), "{secrets}");
}

#[test]
fn what_one_server_cannot_be_is_told() {
    let second = "\n[[node]]\nname = \"c2\"\naddress = \"192.168.0.12\"\ndisk = { name = \"sda\", size = \"250 GB\" }\n\
                  nics = [{ name = \"eth0\", mac = \"52:54:00:a8:12:00\", network = \"lan\" }]\n\n[[node]]\nname = \"cloud1\"";
    let vm_network = "vm_network = \"10.0.0.0/24\"";
    for (changes, expected) in [
        (vec![TARGET[1], TARGET[2]], "a layout has another one at /var/lib/glance/images"),
        (vec![TARGET[0], TARGET[1]], "goes with `glance_target`"),
        (
            vec![TARGET[0], ("# glance_target = \"192.168.10.250\"", "glance_target = \"the-san\""), TARGET[2]],
            "`glance_target` `the-san` is not the address",
        ),
        (
            vec![TARGET[0], TARGET[1], ("# glance_iqn = \"iqn", "glance_iqn = \"IQN")],
            "is not the name of an iSCSI target",
        ),
        (vec![(vm_network, "multi_host = \"yes\"")], "`multi_host` `yes` is for clouds of several"),
        (vec![(vm_network, "acceptance = \"boot migration\"")], "nowhere to move a machine to"),
        (vec![("\n[[node]]\nname = \"cloud1\"", second)], "is number 2 that provides `control`"),
    ] {
        let told = one_server(&changes).run(&["check"]);
        let said = told.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.code != 0 && said.contains(expected) && said.contains("help: "), "{expected}: {said}");
    }
    let told = Desk::new().run(&["init", "--blueprint", "alinone"]);
    assert!(told.code != 0 && told.stderr.contains("allinone, diablo, essex, plain"), "{}", told.stderr);
}

#[test]
fn a_cloud_of_2011_is_what_its_manual_says_and_what_cannot_be_is_told() {
    let desk = from_init("diablo", &[]);
    let told = desk.run(&["check"]);
    assert!(
        told.code == 0 && told.stdout.contains("blueprint diablo, hardened mode"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    let list = desk.run(&["render", "cc1", "firstboot-list"]).stdout;
    for step in
        ["01-network-gateway/01", "07-openstack-controller/26", "08-openstack-compute/05", "09-openstack-gateway/02"]
    {
        assert!(list.contains(&format!(" steps/{step}-")), "{step} is not in\n{list}");
    }
    assert!(!list.contains("keystone-") && !list.contains("volume") && !list.contains("gluster"), "{list}");
    let secrets = desk.run(&["render", "node1", "firstboot-file", "secrets"]).stdout;
    assert!(secrets.contains("RABBIT_PASSWORD='***'") && !secrets.contains("GLANCE"), "{secrets}");
    let ports = desk.run(&["plan", "cc1", "--security"]).stdout;
    assert!(ports.contains("message queue (RabbitMQ)") && ports.contains("tcp 8773,8774"), "{ports}");
    let plan = desk.run(&["plan", "cc1"]).stdout;
    assert!(plan.contains("/var/lib/nova/instances") && plan.contains("/var/lib/glance/images"), "{plan}");
    let vm_network = "vm_network = \"10.0.0.0/24\"";
    for (change, expected) in [
        ((vm_network, "volumes = \"yes\""), "calls ietadm, the tool of a target that CentOS 6 does not have"),
        (("# shared_instances", "shared_instances"), "no layout mounts one at /export/instances"),
        ((vm_network, "acceptance = \"services volume\""), "has a word that is no test of this blueprint"),
    ] {
        let told = from_init("diablo", &[change]).run(&["check"]);
        let said = told.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.code != 0 && said.contains(expected) && said.contains("help: "), "{expected}: {said}");
    }
    let shared = [("layout = \"grow\"", "layout = \"shared\""), ("# shared_instances", "shared_instances")];
    let told = from_init("diablo", &shared).run(&["check"]);
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
}
