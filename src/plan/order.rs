//! Anaconda does not place partitions in the order of the lines: it sorts them. This file chooses flags with which that
//! sort yields the wanted order, or says that no flags can.
//!
//! The sort (EL6 `partitionCompare` and blivet `partition_compare`, which agree) compares, most significant first:
//! weight (EFI and biosboot 5000, `/boot` 2000), `--asprimary`, fixed before `--grow`, larger first, larger `--maxsize`
//! first, mount point. The order of equal requests is not guaranteed, so two neighbours are never left equal.
//!
//! A request with `--grow` is held to its own size by `--maxsize`.

use crate::site::Mib;

use super::Placement;

/// The properties of one `part` command that the sort looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// The weight of its content.
    pub weight: u32,
    pub size: Mib,
}

/// Weight of an EFI system partition, and of biosboot.
pub(crate) const FIRMWARE_WEIGHT: u32 = 5000;
/// Weight of `/boot`.
pub(crate) const BOOT_WEIGHT: u32 = 2000;

/// The weight in EL6 of a `/` from which the machine boots because there is no `/boot`. Later installers give it none,
/// so it is used only where both lead to the same place.
pub(crate) const ROOT_WEIGHT: u32 = 1000;

/// How many `--asprimary` requests an MBR with logical partitions has room for.
const MBR_PRIMARIES: usize = 3;

/// Why no flags yield the wanted order. The index is that of the request that would come too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disorder {
    /// The request is placed before every request of less weight, whatever the flags.
    Weight(usize),
    /// The sizes increase more often than there are flags for.
    Rises(usize),
}

const FIXED: Placement = Placement::PLAIN;
const GROW: Placement = Placement::Flags { as_primary: false, grow_to_own_size: true };
const PRIMARY: Placement = Placement::Flags { as_primary: true, grow_to_own_size: false };
const PRIMARY_GROW: Placement = Placement::Flags { as_primary: true, grow_to_own_size: true };

/// The ways to flag a number of runs of falling sizes, the simplest first.
const WAYS: [&[&[Placement]]; 5] = [
    &[&[]],
    &[&[FIXED]],
    &[&[PRIMARY, FIXED], &[FIXED, GROW]],
    &[&[PRIMARY, FIXED, GROW], &[PRIMARY, PRIMARY_GROW, FIXED]],
    &[&[PRIMARY, PRIMARY_GROW, FIXED, GROW]],
];

/// The other conditions that the flags depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means {
    /// At most the first three requests may be forced to be primary, because the fourth slot is the extended partition.
    pub mbr: bool,
    /// Whether `--grow` can be used, because it respects `--maxsize`.
    pub grow: bool,
}

/// Chooses the flags for requests that are given in the wanted order.
pub(crate) fn place(requests: &[Request], means: Means) -> Result<Vec<Placement>, Disorder> {
    if let Some(late) = requests.windows(2).position(|pair| pair[0].weight < pair[1].weight) {
        return Err(Disorder::Weight(late + 1));
    }
    let without_root = |weight: u32| if weight == ROOT_WEIGHT { 0 } else { weight };
    let mut placements = Vec::with_capacity(requests.len());
    for class in requests.chunk_by(|a, b| without_root(a.weight) == without_root(b.weight)) {
        let first = placements.len();
        if class[0].weight == BOOT_WEIGHT && class.len() == 1 {
            // Its weight alone puts it first. The flag keeps it out of the logical partitions, for GRUB legacy.
            placements.push(PRIMARY);
            continue;
        }
        let runs: Vec<usize> = class.chunk_by(|a, b| a.size > b.size).map(<[Request]>::len).collect();
        let rise = || Disorder::Rises(first + class.len() - 1);
        let ways = WAYS.get(runs.len()).ok_or_else(rise)?;
        let spread = |way: &[Placement]| -> Vec<Placement> {
            runs.iter().zip(way).flat_map(|(&length, &flags)| std::iter::repeat_n(flags, length)).collect()
        };
        let fits = |flags: &Vec<Placement>| {
            let last = flags.iter().rposition(|flags| flags.as_primary());
            let grows = flags.iter().any(|flags| flags.grow_to_own_size());
            (means.grow || !grows) && (!means.mbr || last.is_none_or(|last| first + last < MBR_PRIMARIES))
        };
        placements.extend(ways.iter().map(|way| spread(way)).find(fits).ok_or_else(rise)?);
    }
    Ok(placements)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MBR: Means = Means { mbr: true, grow: true };
    const GPT: Means = Means { mbr: false, grow: true };

    fn request(weight: u32, size: u64) -> Request {
        Request { weight, size: Mib(size) }
    }

    #[test]
    fn the_papers_tables_need_only_asprimary() {
        let compute = [request(BOOT_WEIGHT, 500), request(0, 21000), request(0, 216_974)];
        assert_eq!(place(&compute, MBR), Ok(vec![PRIMARY, PRIMARY, FIXED]));
        let controller = [request(BOOT_WEIGHT, 500), request(0, 17000), request(0, 30000), request(0, 28791)];
        assert_eq!(place(&controller, MBR), Ok(vec![PRIMARY, PRIMARY, FIXED, FIXED]));
    }

    #[test]
    fn a_third_rise_uses_grow_and_a_fifth_is_refused() {
        let rising = |count: u64| (1..=count).map(|n| request(0, n * 100)).collect::<Vec<_>>();
        assert_eq!(place(&rising(3), MBR), Ok(vec![PRIMARY, FIXED, GROW]));
        assert_eq!(place(&rising(4), MBR), Ok(vec![PRIMARY, PRIMARY_GROW, FIXED, GROW]));
        assert_eq!(place(&rising(5), GPT), Err(Disorder::Rises(4)));
    }

    #[test]
    fn a_lone_partition_needs_no_flag_unless_it_is_boot() {
        assert_eq!(place(&[request(0, 100)], GPT), Ok(vec![FIXED]));
        assert_eq!(place(&[request(FIRMWARE_WEIGHT, 600), request(0, 100)], GPT), Ok(vec![FIXED, FIXED]));
        assert_eq!(place(&[request(BOOT_WEIGHT, 100)], MBR), Ok(vec![PRIMARY]));
    }

    #[test]
    fn equal_sizes_are_told_apart_by_a_flag() {
        assert_eq!(place(&[request(0, 100), request(0, 100)], GPT), Ok(vec![PRIMARY, FIXED]));
    }

    #[test]
    fn the_fourth_request_on_an_mbr_is_never_forced_to_be_primary() {
        let sizes = [400, 300, 200, 100, 500];
        let requests: Vec<_> = sizes.map(|size| request(0, size)).into();
        assert_eq!(place(&requests, MBR).unwrap()[3..], [FIXED, GROW]);
        assert_eq!(place(&requests, GPT).unwrap()[3..], [PRIMARY, FIXED]);
    }

    #[test]
    fn boot_behind_a_physical_volume_cannot_be_had() {
        assert_eq!(place(&[request(0, 100), request(BOOT_WEIGHT, 500)], MBR), Err(Disorder::Weight(1)));
    }

    #[test]
    fn without_growing_there_are_two_levels_and_no_third() {
        let rising: Vec<_> = [100, 200, 300].map(|size| request(0, size)).into();
        assert_eq!(place(&rising[..2], Means { grow: false, ..GPT }), Ok(vec![PRIMARY, FIXED]));
        assert_eq!(place(&rising, Means { grow: false, ..GPT }), Err(Disorder::Rises(2)));
    }

    #[test]
    fn a_root_without_boot_comes_before_what_has_no_weight_by_its_flags_too() {
        assert_eq!(place(&[request(ROOT_WEIGHT, 100), request(0, 500)], MBR), Ok(vec![PRIMARY, FIXED]));
        assert_eq!(place(&[request(0, 500), request(ROOT_WEIGHT, 100)], MBR), Err(Disorder::Weight(1)));
    }
}
