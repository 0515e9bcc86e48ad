//! Golden texts. A change of a template shows here as a diff to read; `INSTA_UPDATE=always cargo test` accepts it.

use crate::variants::{all, body, site, whole};

/// The kickstart with each script replaced by its length in lines, because scripts differ little between variants.
fn commands(kickstart: &str) -> String {
    let mut out = String::new();
    let mut script: Option<usize> = None;
    for line in kickstart.lines() {
        script = match (script, line) {
            (Some(lines), "%end") => {
                out.push_str(&format!("({lines} lines)\n"));
                None
            }
            (Some(lines), _) => Some(lines + 1),
            (None, line) if ["%pre", "%post", "%onerror", "%traceback"].iter().any(|word| line.starts_with(word)) => {
                out.push_str(&format!("{line}\n"));
                Some(0)
            }
            (None, _) => None,
        };
        if script.is_none() {
            out.push_str(&format!("{line}\n"));
        }
    }
    out
}

#[test]
fn commands_of_every_role_release_and_firmware() {
    for (release, firmware, site, node) in all() {
        if release == "8" {
            continue; // between 7 and 9; the other checks have it
        }
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(format!("kickstart-{release}-{firmware}-{node}"), commands(&whole(&site, &node)));
        });
    }
}

#[test]
fn scripts_of_the_controller_on_el6_and_of_a_compute_node_on_el9_with_uefi() {
    for (release, firmware, node) in [("6.10", "bios", "controller"), ("9", "uefi", "compute2")] {
        let kickstart = whole(&site(release, firmware), node);
        let text: String = ["%pre", "%post --nochroot", "%post --interpreter"]
            .map(|opening| format!("{opening}\n{}", body(&kickstart, opening)))
            .concat();
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(format!("scripts-{release}-{firmware}-{node}"), text);
        });
    }
}
