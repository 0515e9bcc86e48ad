//! A thousand site files and templates with one fault each, and every loss of a kickstart template: every fault is found
//! before anything is served, with its line. The choice of faults is the same in every run.

mod losses;
mod site_file;
mod templates;

use std::path::Path;

use rackstart::config::EXAMPLE;
use rackstart::render::Templates;

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
                  vlans = [\n  { id = 20, over = \"bond0\", network = \"none\" },\n]";
    let software = "packages = [\"tmux\"]\nservices = [\"snmpd\"]\nservices_off = [\"cups\"]\n";
    let mut text = EXAMPLE.replacen("kernel_args = \"\"\n", &format!("kernel_args = \"quiet\"\n{software}"), 1);
    for (from, to) in [("ssh_keys = []\n", user.as_str()), (plain, bonded)] {
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

/// A template of rackstart as it lies in this project.
fn shipped(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The operator's folder with this one template in it.
fn own(name: &str, lines: &[&str]) -> Templates {
    Templates { folder: "own".into(), files: [(name.to_string(), lines.join("\n") + "\n")].into() }
}
