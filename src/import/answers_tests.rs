use super::Fate;
use super::answers::{Answers, Table, import};

const TABLE: &str = include_str!("../../templates/import/deploy.toml");
const START: &str = "[site]\nname = \"x\"\n\n# Values that differ from those.\n[variables]\nold = \"\"\n";
/// The example of the manual, line by line.
const DEPLOY: &str = "[default]
puppet_server=ubuntu7
ssh_user=nii
[nova]
nova_api=ubuntu7
nova_objectstore=ubuntu7
nova_compute=ubuntu7
nova_scheduler=ubuntu7
nova_network=ubuntu7
nova_volume=ubuntu7
euca2ools=ubuntu7
mysql=ubuntu7
glance_host=ubuntu7
libvirt_type=kvm
network_manager=nova.network.manager.VlanManager
image_service=nova.image.glance.GlanceImageService
network_interface=eth0
network_ip_range=10.0.0.0/24
volume_group=ubuntu7
fixed_range=10.0.0.0/8
network_size=5000
[glance]
glance=ubuntu7
default_store=swift
[swift]
swift_proxy=ubuntu7
swift_storage=ubuntu7
account=system
username=root
password=testpass
storage_path=/srv/node
storage_dev=sdb1
ring_builder_replicas=1
super_admin_key=swauth
";

fn table() -> Table {
    Table::read(TABLE).unwrap()
}

fn imported(text: &str) -> Answers {
    import(&table(), "deploy.conf", text, START)
}

/// What became of the line that begins with the word.
fn fate<'a>(answers: &'a Answers, word: &str) -> &'a Fate {
    &answers.lines.iter().find(|line| line.text.starts_with(word)).unwrap().fate
}

#[test]
fn the_example_of_the_manual_is_a_site_of_one_server() {
    let answers = imported(DEPLOY);
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../../tests/snapshots" }, {
        insta::assert_snapshot!("import-deploy", answers.site);
    });
    let left = answers.lines.iter().filter(|line| matches!(line.fate, Fate::Left { .. })).count();
    assert_eq!((answers.lines.len(), left), (34, 14));
    for secret in ["testpass", "swauth"] {
        assert!(!format!("{answers:?}").contains(secret), "{answers:?}");
    }
}

#[test]
fn every_key_has_a_fate_and_the_table_says_what_to_do() {
    let answers = imported(DEPLOY);
    for line in answers.lines.iter().filter(|line| !line.text.starts_with('[')) {
        match &line.fate {
            Fate::Silent => panic!("{} has no fate", line.text),
            Fate::Left { why, todo } => assert!(!why.is_empty() && !todo.is_empty(), "{}", line.text),
            Fate::Carried(_) => {}
        }
    }
}

#[test]
fn servers_get_the_role_of_what_runs_on_them() {
    let text =
        "[nova]\nnova_api=cc\nnova_compute=n1, n2.example.org,cc\nnova_network = net\nmysql=db\nnova_scheduler:cc\n";
    let answers = imported(text);
    for node in [
        "name = \"cc\"\nrole = \"controller-compute\"",
        "name = \"n1\"\nrole = \"compute\"",
        "name = \"n2\"\nrole = \"compute\"",
        "also runs virtual machines in `diablo`, as on the manual's cloud controller\n[[node]]\nname = \"net\"\nrole = \"gateway\"",
    ] {
        assert!(answers.site.contains(node), "{node} is not in\n{}", answers.site);
    }
    assert!(!answers.site.contains("name = \"db\""));
    assert!(matches!(fate(&answers, "mysql"), Fate::Left { why, .. } if why == "it runs where `nova_api` does, on cc"));
    assert_eq!(fate(&answers, "nova_scheduler"), &Fate::Carried(None));
    assert!(matches!(fate(&answers, "nova_compute"), Fate::Carried(Some(how)) if how == "as n1, n2, cc"));
}

#[test]
fn networks_and_sizes_are_those_that_can_be() {
    for (range, fixed, size, said, network_size) in [
        ("10.0.0.0/24", "10.0.0.0/8", "5000", "carried, but as the smaller network", "256"),
        ("10.0.0.0/16", "10.0.0.0/16", "5000", "carried", "4096"),
        ("10.0.0.0/24", "192.168.0.0/16", "64", "left: it does not hold `network_ip_range`", "64"),
    ] {
        let text = format!("[nova]\nnova_api=c\nnetwork_ip_range={range}\nfixed_range={fixed}\nnetwork_size={size}\n");
        let answers = imported(&text);
        let told = match fate(&answers, "fixed_range") {
            Fate::Carried(None) => "carried".to_string(),
            Fate::Carried(Some(how)) => format!("carried, but {how}"),
            Fate::Left { why, .. } => format!("left: {why}"),
            Fate::Silent => "nothing".into(),
        };
        assert!(told.starts_with(said), "{told}");
        assert!(answers.site.contains(&format!("\nvm_network = \"{range}\"\n")), "{}", answers.site);
        assert!(answers.site.contains(&format!("\nnetwork_size = \"{network_size}\"\n")), "{}", answers.site);
    }
}

#[test]
fn what_the_tool_does_not_know_is_left_and_a_kickstart_is_none_of_its_files() {
    let answers = imported("[nova]\nnova_api=c\nnova_compte=d\nlibvirt_type=xen\n; a comment\n\nnonsense\n");
    assert!(matches!(fate(&answers, "nova_compte"), Fate::Left { todo, .. } if todo.contains("`nova.nova_compute`")));
    assert!(matches!(fate(&answers, "libvirt_type"), Fate::Left { .. }));
    assert!(matches!(fate(&answers, "nonsense"), Fate::Left { .. }));
    assert!(answers.site.contains("#  4: libvirt_type=xen\n"), "{}", answers.site);
    assert!(table().knows(DEPLOY) && !table().knows("url --url=http://x\n%packages\nnova_api=1\n%end\n"));
}
