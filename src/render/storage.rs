//! The values for the storage commands: those of a plan, on the disks that `%pre` found.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::lifecycle::WipeScope;
use crate::plan::{Content, DiskPlan, NodePlan, PartitionPlan, Slot, partition_name};
use crate::site::Node;

use crate::secrets::{MASK, SecretValue};

use super::container;
use super::kickstart::ESP_LABEL;

/// The mount options of an EFI system partition in `/etc/fstab`, as Anaconda writes them.
const EFI_MOUNTED: &str = "defaults,uid=0,gid=0,umask=077,shortname=winnt";

/// The secrets that are sent with the storage commands, and with nothing else.
#[derive(Debug, Default)]
pub struct StorageSecrets {
    /// The passphrase of encrypted disks.
    pub passphrase: Option<SecretValue>,
    /// The password of the container's account at its registry.
    pub registry: Option<SecretValue>,
}

/// Everything that `kickstart/storage.ks.j2` may use.
#[derive(Debug, Serialize)]
pub(crate) struct StorageValues<'a> {
    node: &'a str,
    scope: WipeScope,
    keeps: bool,
    el6: bool,
    slots: Vec<SlotValues<'a>>,
    only_use: String,
    boot_disk: &'a str,
    drive_order: String,
    cleared: String,
    disklabel: Option<String>,
    kernel_args: &'a str,
    passphrase: &'a str,
    registry_login: Option<String>,
    luks_version: Option<&'static str>,
    extent_kib: u64,
    prepared: Vec<PreparedDisk<'a>>,
    identities: Vec<Vec<&'a str>>,
    partitions: Vec<PartValues>,
    arrays: Vec<ArrayValues>,
    volume_groups: Vec<GroupValues>,
    logical_volumes: Vec<VolumeValues>,
}

#[derive(Debug, Serialize)]
struct SlotValues<'a> {
    slot: &'a str,
    disk: &'a str,
}

/// A disk whose partition table `%pre` creates.
#[derive(Debug, Serialize)]
struct PreparedDisk<'a> {
    disk: &'a str,
    label: String,
    table: Vec<PreparedPartition>,
}

#[derive(Debug, Serialize)]
struct PreparedPartition {
    number: u32,
    kind: &'static str,
    first_sector: u64,
    last_sector: u64,
    flag: &'static str,
}

#[derive(Debug, Serialize)]
struct PartValues {
    name: String,
    file_system: Option<String>,
    size: u64,
    on_disk: Option<String>,
    on_part: Option<String>,
    no_format: bool,
    label: Option<&'static str>,
    encrypted: bool,
    as_primary: bool,
    grow_to_own_size: bool,
    mount_options: Option<String>,
    mkfs_options: Option<String>,
}

#[derive(Debug, Serialize)]
struct ArrayValues {
    name: String,
    label: Option<&'static str>,
    encrypted: bool,
    device: String,
    file_system: Option<String>,
    members: Vec<String>,
    mount_options: Option<String>,
    mkfs_options: Option<String>,
}

#[derive(Debug, Serialize)]
struct GroupValues {
    name: String,
    exists: bool,
    members: Vec<String>,
}

#[derive(Debug, Serialize)]
struct VolumeValues {
    target: String,
    group: String,
    name: String,
    size: u64,
    exists: bool,
    kept: bool,
    file_system: String,
    mount_options: Option<String>,
    mkfs_options: Option<String>,
}

/// The names such as `pv.01` and `raid.01` by which kickstart lines refer to each other.
#[derive(Default)]
struct Names {
    physical_volumes: Vec<(String, String)>,
    members: BTreeMap<String, Vec<String>>,
    member_count: usize,
    biosboots: usize,
}

impl Names {
    fn physical_volume(&mut self, group: &str) -> String {
        let name = format!("pv.{:02}", self.physical_volumes.len() + 1);
        self.physical_volumes.push((group.into(), name.clone()));
        name
    }

    fn member(&mut self, array: &str) -> String {
        self.member_count += 1;
        let name = format!("raid.{:02}", self.member_count);
        self.members.entry(array.into()).or_default().push(name.clone());
        name
    }

    fn of_group(&self, group: &str) -> Vec<String> {
        let of = self.physical_volumes.iter().filter(|(name, _)| name == group);
        of.map(|(_, name)| name.clone()).collect()
    }
}

impl<'a> StorageValues<'a> {
    /// Collects the values of the commands that realise the plan on the disks that `%pre` found, by slot. Every slot of
    /// the plan must have a disk. `identities` are the UUIDs that a reimage with `keep` must find.
    pub(crate) fn new(
        node: &'a Node,
        plan: &'a NodePlan,
        disks: &'a BTreeMap<String, String>,
        scope: WipeScope,
        identities: &'a [String],
    ) -> Self {
        let keeps = scope == WipeScope::KeepVolumeGroups;
        let kernel_name = |disk: &DiskPlan| disks.get(&disk.slot).map_or("", String::as_str);
        let joined = |disks: Vec<&str>| disks.join(",");
        let mut names = Names::default();
        let mut partitions = Vec::new();
        for disk in &plan.disks {
            for partition in &disk.partitions {
                partitions.extend(part(plan, disk, kernel_name(disk), partition, keeps, &mut names));
            }
        }
        let arrays: Vec<ArrayValues> = plan
            .arrays
            .iter()
            .map(|array| {
                let (name, file_system, label) = match &array.content {
                    Content::Mount { mount, file_system } => (mount.clone(), Some(file_system.to_string()), None),
                    Content::PhysicalVolume { volume_group } => (names.physical_volume(volume_group), None, None),
                    Content::EfiSystem => ("/boot/efi".into(), Some("efi".into()), Some(ESP_LABEL)),
                    _ => (array.device.clone(), None, None), // the planner mirrors nothing else
                };
                let members = names.members.get(&array.device).cloned().unwrap_or_default();
                let (mount_options, mkfs_options) = options(plan, &array.content);
                ArrayValues {
                    name,
                    label,
                    encrypted: encrypts(plan, &array.content),
                    device: array.device.clone(),
                    file_system,
                    members,
                    mount_options,
                    mkfs_options,
                }
            })
            .collect();
        // EL6.3 requires the members of a group that it finds; later releases stop if they are given.
        let lists_members = !keeps || (node.release.is_el6() && node.release.minor < 4);
        // A kept group without volumes of ours is not mentioned at all, so that nothing can touch it.
        let groups = plan.volume_groups.iter().filter(|group| !keeps || !group.logical_volumes.is_empty());
        let groups = groups.map(|group| GroupValues {
            name: group.name.clone(),
            exists: keeps,
            members: if lists_members { names.of_group(&group.name) } else { Vec::new() },
        });
        let volumes = plan.volume_groups.iter().flat_map(|group| {
            group.logical_volumes.iter().map(move |volume| {
                let mount = volume.mount.clone().unwrap_or_default();
                let content = Content::Mount { mount, file_system: volume.file_system };
                let (mount_options, mkfs_options) = options(plan, &content);
                VolumeValues {
                    target: volume.mount.clone().unwrap_or_else(|| "swap".into()),
                    group: group.name.clone(),
                    name: volume.name.clone(),
                    size: volume.size.0,
                    exists: keeps,
                    kept: keeps && node.keep.contains(&group.name),
                    file_system: volume.file_system.to_string(),
                    mount_options,
                    mkfs_options,
                }
            })
        });
        let by_flags = plan.disks.iter().filter(|disk| !disk.is_prepared());
        let labels: Vec<_> = plan.disks.iter().filter(|disk| !disk.is_prepared()).map(|disk| disk.label).collect();
        // The option applies to all disks, so it is only written where it is right for all of them. EL6 does not know
        // it; from EL8 on it is always known, and on EL7 it is given where the installer would choose another.
        let known = match node.release.major {
            6 => false,
            7 => plan.disks.iter().any(|disk| !disk.label_is_default),
            _ => true,
        };
        let label = labels.first().filter(|first| known && labels.iter().all(|label| label == *first));
        let mirrored: Vec<&str> = plan.disks.iter().filter(|disk| holds_a_mirror(disk)).map(kernel_name).collect();
        let boot_disk = kernel_name(plan.os_disk());
        Self {
            node: node.name.as_str(),
            scope,
            keeps,
            el6: node.release.is_el6(),
            slots: plan.disks.iter().map(|disk| SlotValues { slot: &disk.slot, disk: kernel_name(disk) }).collect(),
            only_use: joined(plan.disks.iter().map(kernel_name).collect()),
            boot_disk,
            drive_order: if mirrored.is_empty() { boot_disk.into() } else { joined(mirrored) },
            cleared: if keeps { String::new() } else { joined(by_flags.map(kernel_name).collect()) },
            disklabel: label.map(ToString::to_string),
            kernel_args: &node.kernel_args,
            passphrase: MASK,
            registry_login: node.container.as_ref().and_then(container::masked_login),
            luks_version: (node.release.major >= 8).then_some("luks2"),
            extent_kib: plan.volume_groups.first().map_or(4, |group| group.extent_size.0) * 1024,
            prepared: plan
                .disks
                .iter()
                .filter(|disk| !keeps && disk.is_prepared())
                .map(|disk| prepare(disk, kernel_name(disk)))
                .collect(),
            identities: identities.iter().map(|line| line.split(' ').collect()).collect(),
            arrays,
            volume_groups: groups.collect(),
            logical_volumes: volumes.collect(),
            partitions,
        }
    }
}

impl<'a> StorageValues<'a> {
    /// Puts secrets in place of their masks; only for the answer to a permit.
    pub(crate) fn with_secrets(self, node: &Node, secrets: &'a StorageSecrets) -> Self {
        let passphrase = secrets.passphrase.as_ref().map_or(self.passphrase, |passphrase| passphrase.reveal());
        let login = node.container.as_ref().zip(secrets.registry.as_ref());
        let registry_login = login.and_then(|(container, password)| container::login(container, password));
        Self { passphrase, registry_login: registry_login.or(self.registry_login), ..self }
    }
}

/// The planned mount and mkfs options of a file system.
fn options(plan: &NodePlan, content: &Content) -> (Option<String>, Option<String>) {
    let mount = match content {
        Content::Mount { mount, .. } => mount,
        // The options with which the installer mounts a plain one. Only mirrored ones need them here: the command
        // `part` sets them itself.
        Content::EfiSystem if !plan.arrays.is_empty() => return (Some(EFI_MOUNTED.into()), None),
        _ => return (None, None),
    };
    let options = plan.options.get(mount).cloned().unwrap_or_default();
    (options.mount, options.mkfs)
}

/// Whether it is a physical volume of an encrypted group.
fn encrypts(plan: &NodePlan, content: &Content) -> bool {
    let Content::PhysicalVolume { volume_group } = content else { return false };
    plan.volume_groups.iter().any(|group| group.name == *volume_group && group.encrypted)
}

fn holds_a_mirror(disk: &DiskPlan) -> bool {
    disk.partitions.iter().any(|partition| matches!(partition.content, Content::RaidMember { .. }))
}

/// The `part` command of a partition; `None` for what the installer makes by itself.
fn part(
    plan: &NodePlan,
    disk: &DiskPlan,
    kernel_name: &str,
    partition: &PartitionPlan,
    keeps: bool,
    names: &mut Names,
) -> Option<PartValues> {
    let mut no_format = false;
    let (name, file_system, label) = match &partition.content {
        Content::Extended => return None,
        Content::Mount { mount, file_system } => (mount.clone(), Some(file_system.to_string()), None),
        Content::EfiSystem => ("/boot/efi".into(), Some("efi".into()), Some(ESP_LABEL)),
        // The installer recognises it by its file system; pykickstart warns about a second one with that name.
        Content::BiosBoot if names.biosboots > 0 => ("None".into(), Some("biosboot".into()), None),
        Content::BiosBoot => {
            names.biosboots += 1;
            ("biosboot".into(), Some("biosboot".into()), None)
        }
        Content::RaidMember { array } => (names.member(array), None, None),
        Content::PhysicalVolume { volume_group } => {
            no_format = keeps;
            (names.physical_volume(volume_group), None, None)
        }
    };
    let in_place = keeps || disk.is_prepared();
    let (mount_options, mkfs_options) = options(plan, &partition.content);
    Some(PartValues {
        name,
        file_system,
        size: partition.size.0,
        on_disk: (!in_place).then(|| kernel_name.to_string()),
        on_part: in_place.then(|| partition_name(kernel_name, partition.number)),
        no_format,
        label,
        encrypted: encrypts(plan, &partition.content),
        as_primary: !in_place && partition.placement.as_primary(),
        grow_to_own_size: !in_place && partition.placement.grow_to_own_size(),
        mount_options,
        mkfs_options,
    })
}

fn prepare<'a>(disk: &DiskPlan, kernel_name: &'a str) -> PreparedDisk<'a> {
    let sectors_per_mib = (1 << 20) / u64::from(disk.sector_size.max(512));
    let table = disk.partitions.iter().map(|partition| PreparedPartition {
        number: partition.number,
        kind: match partition.slot {
            Slot::Primary => "primary",
            Slot::Extended => "extended",
            Slot::Logical => "logical",
        },
        first_sector: partition.start.0 * sectors_per_mib,
        last_sector: partition.end().0 * sectors_per_mib - 1,
        flag: match &partition.content {
            Content::EfiSystem => "boot",
            Content::BiosBoot => "bios_grub",
            Content::PhysicalVolume { .. } => "lvm",
            Content::RaidMember { .. } => "raid",
            Content::Mount { .. } | Content::Extended => "",
        },
    });
    PreparedDisk { disk: kernel_name, label: disk.label.to_string(), table: table.collect() }
}
