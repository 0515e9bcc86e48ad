//! The planner against an independent model: the storage commands that it leads to are read back and executed by a
//! small Anaconda written from the description of its sort, and both must see the same disk.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rackstart::config::{self, EXAMPLE};
use rackstart::lifecycle::WipeScope;
use rackstart::plan::{NodePlan, PlanError, Slot, plan};
use rackstart::render::Renderer;
use rackstart::site::{
    FileSystem, Firmware, Layout, LogicalVolumeSpec, Mib, Node, PartitionSpec, PartitionUse, SizeSpec, VolumeGroupSpec,
};

/// One `part` line, as the model understands it.
#[derive(Debug, Clone)]
struct Part {
    name: String,
    size: u64,
    primary: bool,
    grow: bool,
    max: u64,
}

/// What the model makes: number, start, size, slot and name of each partition, and size and free space of each group.
#[derive(Debug, PartialEq)]
struct Made {
    partitions: Vec<(u32, u64, u64, Slot, String)>,
    groups: BTreeMap<String, (u64, u64)>,
}

fn option(line: &str, name: &str) -> Option<u64> {
    line.split(' ').find_map(|word| word.strip_prefix(name)).map(|value| value.parse().expect("a number"))
}

fn parts(commands: &str) -> Vec<Part> {
    let lines = commands.lines().filter(|line| line.starts_with("part "));
    lines
        .map(|line| Part {
            name: line.split(' ').nth(1).expect("a name").into(),
            size: option(line, "--size=").expect("a size"),
            primary: line.contains(" --asprimary"),
            grow: line.contains(" --grow"),
            max: option(line, "--maxsize=").unwrap_or(0),
        })
        .collect()
}

/// The installer's comparison as it stands there: a sum of weighted comparisons, whose sign decides.
fn compare(a: &Part, b: &Part) -> Ordering {
    let base = |part: &Part| match part.name.as_str() {
        "/boot/efi" | "biosboot" => 5000,
        "/boot" => 2000,
        _ => 0,
    };
    let sign = |ordering: Ordering| ordering as i64;
    let mut sum = base(b) - base(a);
    sum -= sign(a.primary.cmp(&b.primary)) * 200;
    sum += sign(a.grow.cmp(&b.grow)) * 100;
    sum -= sign(a.size.cmp(&b.size)) * 50;
    if a.grow && b.grow {
        sum += match (a.max, b.max) {
            (0, 0) => 0,
            (0, _) => -25,
            (_, 0) => 25,
            (x, y) => -sign(x.cmp(&y)) * 25,
        };
    }
    if a.name.starts_with('/') && b.name.starts_with('/') {
        sum += sign(a.name.cmp(&b.name)) * 10;
    }
    sum.cmp(&0)
}

/// Executes the commands on an empty disk that ends at `end` MiB.
fn execute(commands: &str, msdos: bool, end: u64, scramble: bool) -> Made {
    let mut requests = parts(commands);
    if scramble {
        // Equal requests have no promised order, so none of the outcome may hang on the order of the lines.
        requests.reverse();
    }
    requests.sort_by(compare);
    let mut partitions: Vec<(u32, u64, u64, Slot, String)> = Vec::new();
    let (mut start, mut primaries, mut logicals) = (1, 0, 0);
    let mut extended = false;
    for (index, part) in requests.iter().enumerate() {
        assert!(!part.grow || part.max == part.size, "it would grow: {part:?}");
        let slot = match (msdos, extended, primaries) {
            (true, false, 3) if !part.primary => {
                partitions.push((4, start, end - start, Slot::Extended, "extended".into()));
                extended = true;
                Slot::Logical
            }
            (true, true, _) => Slot::Logical,
            _ => Slot::Primary,
        };
        assert!(!(part.primary && slot == Slot::Logical), "no primary slot is left: {part:?}");
        assert!(!msdos || slot == Slot::Logical || primaries < 4, "a fifth primary partition: {part:?}");
        let number = if slot == Slot::Logical {
            logicals += 1;
            start += 1;
            4 + logicals
        } else {
            primaries += 1;
            index as u32 + 1
        };
        partitions.push((number, start, part.size, slot, part.name.clone()));
        start += part.size;
        assert!(start <= end, "not enough free space on the disk: {part:?}");
    }
    let groups = commands.lines().filter(|line| line.starts_with("volgroup ")).map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let partition = requests.iter().find(|part| part.name == words[3]).expect("its physical volume");
        let size = (partition.size - 1) / 4 * 4;
        let of_group = format!(" --vgname={} ", words[1]);
        let volumes = commands.lines().filter(|line| line.starts_with("logvol ") && line.contains(&of_group));
        // The installer rounds every volume up to whole extents.
        let used: u64 = volumes.map(|line| option(line, "--size=").expect("a size").div_ceil(4) * 4).sum();
        assert!(used <= size, "new lv is too large to fit in free space: {line}");
        (words[1].to_string(), (size, size - used))
    });
    Made { groups: groups.collect(), partitions }
}

fn predicted(plan: &NodePlan, commands: &str) -> Made {
    use rackstart::plan::Content;
    let names = parts(commands);
    let mut name = names.iter().map(|part| part.name.clone());
    let partitions = plan.os_disk().partitions.iter().map(|partition| {
        let name = match partition.content {
            Content::Extended => "extended".into(),
            _ => name.next().expect("a line for each partition"),
        };
        (partition.number, partition.start.0, partition.size.0, partition.slot, name)
    });
    let groups = plan.volume_groups.iter().map(|group| (group.name.clone(), (group.size.0, group.free.0)));
    Made { partitions: partitions.collect(), groups: groups.collect() }
}

fn renderer() -> &'static Renderer {
    static RENDERER: OnceLock<Renderer> = OnceLock::new();
    RENDERER.get_or_init(|| Renderer::new().expect("the embedded templates"))
}

fn compute2() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    let find = || config::parse(EXAMPLE, "f").ok().and_then(|site| site.node_by_name("compute2").cloned());
    NODE.get_or_init(|| find().expect("compute2 of the example"))
}

/// A compute node of the testbed with another layout, disk, firmware and release.
fn a_node() -> impl Strategy<Value = Node> {
    let size = prop_oneof![5..60_000u64, Just(1000u64), (5..60u64).prop_map(|n| n * 4 + 1)];
    let groups = prop::collection::vec((size, prop::collection::vec(1..100u64, 0..4), any::<bool>()), 1..7);
    let release = prop::sample::select(vec!["6.3", "6.10", "7", "8", "9", "10"]);
    let slack = prop_oneof![Just(0i64), -20..20i64, 0..100_000i64, Just(5_000_000i64)];
    let kind = (any::<bool>(), any::<bool>(), release);
    let odd = (0..2048u64, prop::sample::select(vec![512u32, 512, 512, 4096]));
    (groups, kind, 100..2000u64, slack, odd).prop_map(|(groups, (uefi, grows, release), boot, slack, odd)| {
        let mut node = compute2().clone();
        node.firmware = if uefi { Firmware::Uefi } else { Firmware::Bios };
        node.release = release.parse().expect("a release");
        node.layout = layout(&groups, boot, grows);
        let wanted: u64 = node.layout.partitions.iter().map(|spec| spec.size.minimum().0).sum();
        let mib = (wanted as i64 + groups.len() as i64 + slack).max(100) as u64;
        node.os_disk_mut().sector_size = odd.1;
        node.os_disk_mut().sectors = (mib * 2048 + odd.0) * 512 / u64::from(odd.1);
        node
    })
}

fn layout(groups: &[(u64, Vec<u64>, bool)], boot: u64, grows: bool) -> Layout {
    let purpose = PartitionUse::Mount { path: "/boot".into(), file_system: FileSystem::Ext4 };
    let mut partitions = vec![PartitionSpec { size: SizeSpec::Exact(Mib(boot)), purpose, disk: None }];
    let mut volume_groups = Vec::new();
    for (index, (size, shares, has_rest)) in groups.iter().enumerate() {
        let name = format!("vg_{index}");
        let last = index + 1 == groups.len();
        let size = if grows && last { SizeSpec::Grow(Mib(*size)) } else { SizeSpec::Exact(Mib(*size)) };
        let purpose = PartitionUse::PhysicalVolume { volume_group: name.clone() };
        partitions.push(PartitionSpec { size, purpose, disk: None });
        let room = (size.minimum().0.max(1) - 1) / 4;
        let total: u64 = shares.iter().sum::<u64>().max(1);
        let mut logical_volumes: Vec<LogicalVolumeSpec> = Vec::new();
        for (number, share) in shares.iter().enumerate() {
            let size = SizeSpec::Exact(Mib((room * share / total).max(1) * 4));
            let size = if *has_rest && number == 0 { SizeSpec::Grow(size.minimum()) } else { size };
            let mount = if (index, number) == (0, 0) { "/".into() } else { format!("/data/{index}/{number}") };
            let name = format!("lv_{number}");
            logical_volumes.push(LogicalVolumeSpec { name, size, file_system: FileSystem::Ext4, mount: Some(mount) });
        }
        volume_groups.push(VolumeGroupSpec { name, logical_volumes, spans: false });
    }
    if groups[0].1.is_empty() {
        let size = SizeSpec::Grow(Mib(4));
        let root =
            LogicalVolumeSpec { name: "root".into(), size, file_system: FileSystem::Ext4, mount: Some("/".into()) };
        volume_groups[0].logical_volumes.push(root);
    }
    Layout { name: "random".into(), partitions, volume_groups, ..Layout::default() }
}

fn check_plan(node: &Node, plan: &NodePlan) -> Result<(), TestCaseError> {
    let commands =
        renderer().storage_section(node, plan, "sda", WipeScope::DestroyData).expect("the commands of a plan");
    let msdos = plan.os_disk().label == rackstart::plan::DiskLabel::Msdos;
    let end = plan.os_disk().usable_end.0;
    for scramble in [false, true] {
        let made = execute(&commands, msdos, end, scramble);
        prop_assert_eq!(&made, &predicted(plan, &commands), "{}", commands);
    }
    let real: Vec<_> = plan.os_disk().partitions.iter().filter(|p| p.slot != Slot::Extended).collect();
    for pair in real.windows(2) {
        prop_assert!(pair[0].end() <= pair[1].start, "two partitions overlap");
    }
    let last = real.last().expect("a partition").end();
    prop_assert_eq!(last + plan.os_disk().free, plan.os_disk().usable_end);
    prop_assert!(end * 2048 * 512 <= node.os_disk().bytes());
    for group in &plan.volume_groups {
        let used: u64 = group.logical_volumes.iter().map(|volume| volume.extents).sum();
        prop_assert_eq!((used * 4 + group.free.0, group.extents * 4), (group.size.0, group.size.0));
    }
    // Whatever the firmware and the disk: what was asked exactly is had exactly.
    for (spec, group) in node.layout.volume_groups.iter().zip(&plan.volume_groups) {
        for (wanted, volume) in spec.logical_volumes.iter().zip(&group.logical_volumes) {
            prop_assert!(wanted.size.grows() || wanted.size.minimum() == volume.size);
            prop_assert!(volume.size >= wanted.size.minimum());
        }
    }
    Ok(())
}

fn check_refusal(node: &Node, error: &PlanError) -> Result<(), TestCaseError> {
    prop_assert!(!error.help().is_empty());
    let PlanError::DiskTooSmall { needed, usable, shortfall, .. } = error else { return Ok(()) };
    prop_assert_eq!(*usable + *shortfall, *needed);
    let mut larger = node.clone();
    larger.os_disk_mut().sectors += shortfall.0 * (1 << 20) / u64::from(node.os_disk().sector_size);
    let larger = plan(&larger);
    prop_assert!(!matches!(larger, Err(PlanError::DiskTooSmall { .. })), "not the true shortfall: {:?}", larger);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn a_plan_is_what_the_model_of_the_installer_makes_or_a_refusal_is_true(node in a_node()) {
        match plan(&node) {
            Ok(plan) => check_plan(&node, &plan)?,
            Err(error) => check_refusal(&node, &error)?,
        }
    }
}

#[test]
fn the_random_nodes_are_not_all_refused() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..500 {
        let node = a_node().new_tree(&mut runner).expect("a node").current();
        let outcome = match plan(&node) {
            Ok(plan) => format!("{}, {} partitions", plan.os_disk().label, plan.os_disk().partitions.len().min(5)),
            Err(error) => format!("{error:?}").split(' ').next().unwrap_or_default().into(),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    for wanted in ["gpt, 5 partitions", "msdos, 3 partitions", "msdos, 5 partitions", "DiskTooSmall", "Rises"] {
        assert!(outcomes.get(wanted).is_some_and(|count| *count >= 10), "{wanted}: {outcomes:?}");
    }
}

#[test]
fn the_model_scrambles_the_papers_table_without_the_flags() {
    let naive = "part /boot --size=500\npart pv.01 --size=21000\npart pv.02 --size=216974\n";
    let numbers: Vec<_> = execute(naive, true, 238_475, false).partitions.into_iter().map(|p| (p.0, p.2)).collect();
    assert_eq!(numbers, [(1, 500), (2, 216_974), (3, 21000)], "as was measured with blivet");
}
