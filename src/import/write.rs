//! Writes the role as a piece of a site file, and its hooks.

use crate::site::{FileSystem, Layout, PartitionUse, Release, SizeSpec};

use super::{Fate, Line};

/// What is collected from a kickstart.
pub(crate) struct RoleParts {
    pub name: String,
    pub file: String,
    pub release: Release,
    pub packages: Vec<String>,
    /// Lines to append to `%packages`.
    pub package_lines: Vec<String>,
    pub services: Vec<String>,
    pub services_off: Vec<String>,
    pub kernel_args: Vec<String>,
    pub users: Vec<User>,
    /// Command lines and complete sections.
    pub commands: Vec<String>,
    /// Scripts, each with its line number.
    pub pre: Vec<(usize, String)>,
    pub post: Vec<(usize, String)>,
    /// The image that the system is instead of packages.
    pub container: Option<ImageLine>,
    pub layout: Option<Layout>,
    /// Whether the layout comes from the kickstart.
    pub is_own_layout: bool,
}

/// What an `ostreecontainer` line says.
pub struct ImageLine {
    pub image: String,
    /// Whether it says that the signature is not checked.
    pub unchecked: bool,
    pub stateroot: Option<String>,
    pub remote: Option<String>,
}

/// An account in addition to root.
pub(crate) struct User {
    pub name: String,
    pub groups: Vec<String>,
    pub ssh_keys: Vec<String>,
}

impl ImageLine {
    fn text(&self, name: &str) -> String {
        let mut text = format!("\n[[container]]\nname = {}\nimage = {}\n", quote(name), quote(&self.image));
        text.push_str(&match self.unchecked {
            true => "signature = \"unchecked\"\n".to_string(),
            false => format!("signed_by = {}\n", quote(&format!("/etc/rackstart/{name}.pub"))),
        });
        for (key, value) in [("stateroot", &self.stateroot), ("remote", &self.remote)] {
            text.extend(value.iter().map(|value| format!("{key} = {}\n", quote(value))));
        }
        text
    }
}

impl RoleParts {
    /// An empty role.
    pub(crate) fn new(name: &str, file: &str, release: Release) -> Self {
        Self {
            name: name.into(),
            file: file.into(),
            release,
            packages: Vec::new(),
            package_lines: Vec::new(),
            services: Vec::new(),
            services_off: Vec::new(),
            kernel_args: Vec::new(),
            users: Vec::new(),
            commands: Vec::new(),
            pre: Vec::new(),
            post: Vec::new(),
            container: None,
            layout: None,
            is_own_layout: false,
        }
    }

    /// The piece of a site file.
    pub(crate) fn fragment(&self, lines: &[Line]) -> String {
        let Self { name, file, release, .. } = self;
        let mut text = format!("# Imported from {} for release {release}.\n", one_line(file));
        for user in &self.users {
            text.push_str(&format!("\n[[user]]\nname = {}\n", quote(&user.name)));
            list(&mut text, "groups", &user.groups);
            list(&mut text, "ssh_keys", &user.ssh_keys);
        }
        if let Some(container) = &self.container {
            text.push_str(&container.text(name));
        }
        text.push_str(&format!("\n[role.{name}]\nsummary = {}\n", quote(&format!("imported from {}", one_line(file)))));
        text.push_str("default_layout = \"imported\"\n");
        if !self.kernel_args.is_empty() {
            text.push_str(&format!("kernel_args = {}\n", quote(&self.kernel_args.join(" "))));
        }
        match self.container {
            Some(_) => text.push_str(&format!("container = {}\n", quote(name))),
            None => list(&mut text, "packages", &self.packages),
        }
        list(&mut text, "services", &unique(&self.services));
        list(&mut text, "services_off", &unique(&self.services_off));
        text.push('\n');
        if !self.is_own_layout {
            text.push_str("# No storage line of the kickstart is in this layout: it is what the installer's own choice becomes.\n");
        }
        if let Some(layout) = &self.layout {
            text.push_str(&self.layout_text(layout));
        }
        let left: Vec<String> = lines.iter().filter_map(comment).collect();
        if !left.is_empty() {
            text.push_str("\n# Not carried over:\n");
            text.push_str(&left.concat());
        }
        text
    }

    fn layout_text(&self, layout: &Layout) -> String {
        let head = format!("role.{}.layout.imported", self.name);
        let mut text = format!("[{head}]\n");
        if let Some((first, second)) = &layout.mirror {
            text.push_str(&format!("mirror = [{}, {}]\n", quote(first), quote(second)));
        }
        text.push_str("partitions = [\n");
        for partition in &layout.partitions {
            let mut keys = match &partition.purpose {
                PartitionUse::EfiSystem => vec!["efi_system = true".to_string()],
                PartitionUse::PhysicalVolume { volume_group } => {
                    vec![format!("volume_group = {}", quote(volume_group))]
                }
                PartitionUse::Mount { path, file_system } => mounted(layout, path, *file_system),
            };
            keys.push(size(partition.size));
            keys.extend(partition.disk.as_deref().map(|disk| format!("disk = {}", quote(disk))));
            text.push_str(&format!("    {{ {} }},\n", keys.join(", ")));
        }
        text.push_str("]\n");
        for group in &layout.volume_groups {
            text.push_str(&format!("\n[[{head}.volume_group]]\nname = {}\n", quote(&group.name)));
            if group.spans {
                text.push_str("spans = true\n");
            }
            if group.encrypted {
                text.push_str("encrypted = true\n");
            }
            text.push_str("logical_volumes = [\n");
            for volume in &group.logical_volumes {
                let mut keys = vec![format!("name = {}", quote(&volume.name))];
                match &volume.mount {
                    Some(mount) => keys.extend(mounted(layout, mount, volume.file_system)),
                    None => keys.push(format!("file_system = \"{}\"", volume.file_system)),
                }
                keys.push(size(volume.size));
                text.push_str(&format!("    {{ {} }},\n", keys.join(", ")));
            }
            text.push_str("]\n");
        }
        text
    }

    /// The hooks, by their path below the folder of templates. They apply only to nodes of this role.
    pub(crate) fn hooks(&self) -> Vec<(String, String)> {
        let pieces = |scripts: &[(usize, String)]| {
            let piece = |(line, body): &(usize, String)| {
                let about = format!("# From line {line} of {}.", one_line(&self.file));
                match scripts.len() {
                    1 => format!("{about}\n{body}"),
                    // Each script ends by itself, so `exit` and `cd` in one do not affect the next.
                    _ => format!("{about}\n(\n:\n{body}\n)"),
                }
            };
            scripts.iter().map(piece).collect::<Vec<_>>().join("\n")
        };
        let texts = [
            ("commands.ks.j2", self.commands.join("\n")),
            ("packages.ks.j2", self.package_lines.join("\n")),
            ("pre.sh.j2", pieces(&self.pre)),
            ("post.sh.j2", pieces(&self.post)),
        ];
        let filled = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let hook = |(file, text): (&str, String)| {
            let text =
                format!("{{% if role == \"{}\" %}}\n{{% raw %}}\n{text}\n{{% endraw %}}\n{{% endif %}}\n", self.name);
            (format!("kickstart/snippets/{file}"), text)
        };
        filled.map(hook).collect()
    }
}

fn mounted(layout: &Layout, path: &str, file_system: FileSystem) -> Vec<String> {
    let mut keys = vec![format!("mount = {}", quote(path)), format!("file_system = \"{file_system}\"")];
    let options = layout.options.get(path);
    keys.extend(
        options.and_then(|options| options.mount.as_deref()).map(|text| format!("mount_options = {}", quote(text))),
    );
    keys.extend(
        options.and_then(|options| options.mkfs.as_deref()).map(|text| format!("mkfs_options = {}", quote(text))),
    );
    keys
}

fn size(size: SizeSpec) -> String {
    match size {
        SizeSpec::Exact(size) => format!("size = {}", size.0),
        SizeSpec::Grow(size) => format!("at_least = {}", size.0),
    }
}

/// A line of the kickstart that was left behind, or differs, as a comment.
pub(super) fn comment(line: &Line) -> Option<String> {
    let text = one_line(line.text.trim());
    match &line.fate {
        Fate::Left { why, todo } => Some(format!("#  {}: {text}\n#     {why}; {todo}\n", line.number)),
        _ => None,
    }
}

fn unique(names: &[String]) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for name in names {
        if !seen.contains(name) {
            seen.push(name.clone());
        }
    }
    seen
}

fn list(text: &mut String, key: &str, values: &[String]) {
    if !values.is_empty() {
        let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
        text.push_str(&format!("{key} = [{}]\n", values.join(", ")));
    }
}

/// A TOML string on one line.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('\\', "\\\\").replace('"', "\\\""))
}

/// The text without control characters, which neither a comment nor a string may contain.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
