//! `rackstart import`: what it writes passes `check` in a site, and nothing is overwritten or shown that must not be.

use std::fs;

use crate::support::desk::Desk;

const KICKSTART: &str = r#"install
url --url=http://mirror/6
text
lang en_US.UTF-8
keyboard us
timezone UTC
rootpw --iscrypted $6$geheim$hash
user --name=admin --groups=wheel --password=geheim
bootloader --location=mbr --append="console=ttyS0,115200n8"
network --bootproto=dhcp
repo --name=extras --baseurl=http://mirror/extras
services --enabled=snmpd
clearpart --all --drives=sda
part /boot --fstype=ext4 --size=500 --fsoptions=nodev
part pv.01 --size=9000 --grow
volgroup vg_all --pesize=4096 pv.01
logvol / --vgname=vg_all --name=root --size=8000 --fstype=ext4
logvol swap --vgname=vg_all --name=swap --size=1000
logvol /srv --vgname=vg_all --name=srv --size=1000 --grow --fstype=xfs
%packages --nobase
tmux
net-snmp*
%end
%pre
x=(a b); echo "${#x[@]} {{ not.ours }}"
%end
%post
exit 0
%end
%post --interpreter=/usr/bin/python
print "{% this neither %}"
%end
"#;

#[test]
fn what_is_imported_passes_check_in_a_site() {
    let desk = Desk::new();
    fs::write(desk.path("web.ks"), KICKSTART).unwrap();
    let run = desk.run(&["import", "web.ks", "--release", "6.10", "--out", "."]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    assert!(run.stdout.contains("32 lines: 26 carried over, 6 left behind, 0 blank or comments"), "{}", run.stdout);
    desk.site(&desk.tree("6.10"), "[[node]]", "[[node]]");
    let site = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    let site = site.replacen("[site]\n", &format!("[site]\ntemplates = \"{}\"\n", desk.path("templates").display()), 1);
    let nics = "nics = [{ name = \"eth0\", mac = \"52:54:00:a8:09:01\", network = \"lan\" }]";
    let node = format!(
        "\n[[node]]\nname = \"web1\"\nrole = \"web\"\naddress = \"192.168.0.99\"\n{nics}\ndisk = {{ size = \"500 GB\" }}\n"
    );
    let fragment = fs::read_to_string(desk.path("web.toml")).unwrap();
    fs::write(desk.path("rackstart.toml"), site + &fragment + &node).unwrap();
    let run = desk.run(&["check"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let kickstart = |node: &str| desk.run(&["render", node, "kickstart"]).stdout;
    let whole = kickstart("web1");
    for part in [
        "\nrepo --name=extras --baseurl=http://mirror/extras\n",
        "\n%post --interpreter=/usr/bin/python\nprint \"{% this neither %}\"\n%end\n",
        "\nx=(a b); echo \"${#x[@]} {{ not.ours }}\"\n",
        "\ntmux\n",
        "\nnet-snmp*\n",
        "services --enabled=network,sshd,ntpd,snmpd",
        "--fsoptions=nodev",
        "console=ttyS0,115200n8",
        "logvol /srv --vgname=vg_all --name=srv",
        "user --name=admin --groups=wheel",
    ] {
        assert!(whole.contains(part), "{part} is not in\n{whole}");
    }
    // Only nodes of the role get the hooks.
    assert!(!kickstart("compute1").contains("not.ours") && !kickstart("compute1").contains("extras"));
}

#[test]
fn nothing_is_overwritten_and_no_secret_is_shown_or_written() {
    let desk = Desk::new();
    fs::write(desk.path("web.ks"), KICKSTART).unwrap();
    let words = ["import", "web.ks", "--release", "6.10"];
    assert_eq!(desk.run(&[&words[..], &["--out", "o"]].concat()).code, 0);
    fs::write(desk.path("o/web.toml"), "mine").unwrap();
    let run = desk.run(&[&words[..], &["--out", "o"]].concat());
    assert_eq!(run.code, 1);
    assert!(run.stderr.starts_with("error: o/web.toml is already there"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(desk.path("o/web.toml")).unwrap(), "mine");
    assert_eq!(desk.run(&[&words[..], &["--out", "o", "--force"]].concat()).code, 0);
    let written = fs::read_to_string(desk.path("o/web.toml")).unwrap();
    let shown = desk.run(&words);
    assert_eq!(shown.stdout, written);
    let json = desk.run(&[&words[..], &["--json"]].concat());
    let told: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&told["role"], &told["fragment"]), (&"web".into(), &written.as_str().into()));
    assert_eq!(told["lines"].as_array().unwrap().len(), 32);
    for text in [&shown.stdout, &shown.stderr, &json.stdout, &written] {
        assert!(!text.contains("geheim"), "{text}");
    }
    assert!(shown.stderr.contains("rootpw --iscrypted ***\n    left: root's password is that of the site"));
}

#[test]
fn a_template_and_a_bad_name_are_refused() {
    let desk = Desk::new();
    fs::write(desk.path("t.ks"), "url --url=$tree\n").unwrap();
    let run = desk.run(&["import", "t.ks", "--release", "9"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("t.ks, line 1: this is a Cheetah template, as Cobbler has them"), "{}", run.stderr);
    assert_eq!(desk.run(&["import", "t.ks", "--release", "9", "--role", "All"]).code, 2);
    assert_eq!(desk.run(&["import", "t.ks"]).code, 2);
}

/// A deploy.conf of three servers.
const DEPLOY: &str = "[default]\npuppet_server=puppet\n[nova]\nnova_api=cc\nnova_objectstore=cc\nnova_compute=n1, n2\n\
                      nova_network=cc\nnetwork_manager=nova.network.manager.FlatDHCPManager\nnetwork_ip_range=10.1.0.0/24\n\
                      fixed_range=10.1.0.0/24\nnetwork_size=256\n[swift]\npassword=geheim\n";

#[test]
fn a_deploy_conf_is_recognised_and_its_site_passes_check() {
    let desk = Desk::new();
    fs::write(desk.path("deploy.conf"), DEPLOY).unwrap();
    let run = desk.run(&["import", "deploy.conf", "--out", "."]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    assert!(run.stdout.contains("13 lines: 8 carried over, 2 left behind, 3 blank or comments"), "{}", run.stdout);
    let site = fs::read_to_string(desk.path("rackstart.toml")).unwrap();
    assert!(!format!("{site}{}", run.stdout).contains("geheim"));
    assert_eq!(desk.run(&["import", "deploy.conf", "--out", "."]).code, 1, "it overwrites nothing");
    let tree = desk.tree("6.10");
    let (before, rest) = site.split_once("[[repository]]").unwrap();
    let site = format!("{before}{}", &rest[rest.find("[variables]").unwrap()..]);
    let site = site
        .replace("/srv/rackstart/centos6", tree.to_str().unwrap())
        .replace("interface = \"eth0\"", "interface = \"lo\"");
    fs::write(desk.path("rackstart.toml"), site).unwrap();
    let run = desk.run(&["check"]);
    assert!(run.code == 0 && run.stdout.contains("blueprint diablo"), "{}{}", run.stdout, run.stderr);
    let env = desk.run(&["render", "n2", "firstboot-file", "env"]).stdout;
    for line in ["COMPUTES='cc n1 n2'", "CONTROLLER='cc'", "GATEWAY='cc'", "VM_NETWORK='10.1.0.0/24'"] {
        assert!(env.lines().any(|found| found == line), "{line} is not in\n{env}");
    }
    let run = desk.run(&["import", "deploy.conf", "--role", "x"]);
    assert!(run.code == 2 && run.stderr.contains("deploy.conf of nova-deployment-tool"), "{}", run.stderr);
}
