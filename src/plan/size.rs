//! Alignment and rounding are here and nowhere else: what a disk label leaves usable, and what a physical volume
//! yields.

use crate::site::Mib;

use super::limits::MIN_PHYSICAL_VOLUME;

/// Anaconda aligns every partition to 1 MiB, and puts the first one after the first MiB.
pub(crate) const GRAIN: Mib = Mib(1);

/// The extent size of every volume group. EL6 would use 32 MiB by default, so the size is always given.
pub(crate) const EXTENT: Mib = Mib(4);

/// LVM keeps its metadata in the first MiB of a physical volume; the extents begin after it.
const PV_DATA_START: Mib = Mib(1);

/// MBR and GRUB legacy count in 32 bits: 2 TiB with sectors of 512 bytes. Anaconda uses an MBR only for a disk with
/// fewer sectors than the largest such number.
pub(crate) const MBR_SECTORS: u64 = (1 << 32) - 1;

const MIB: u64 = 1 << 20;

/// The size of the volume group that a physical volume of `partition` MiB yields, a multiple of the extent size.
pub(crate) fn volume_group_size(partition: Mib) -> Mib {
    Mib(partition.0.saturating_sub(PV_DATA_START.0) / EXTENT.0 * EXTENT.0)
}

/// The smallest partition that the installer makes whose physical volume yields `group` MiB.
pub(crate) fn partition_for(group: Mib) -> Mib {
    (Mib(group.0.div_ceil(EXTENT.0) * EXTENT.0) + PV_DATA_START).max(MIN_PHYSICAL_VOLUME)
}

/// The guaranteed size of a mirror of partitions of this size. mdadm keeps up to 0.1 % of a member for reshaping, at
/// most 128 MiB, and its superblock and bitmap as well; the exact amount differs between its versions.
pub(crate) fn array_least(partition: Mib) -> Mib {
    let mut headroom = 128;
    while headroom > 1 && headroom * 1024 > partition.0 {
        headroom /= 2;
    }
    Mib(partition.0.saturating_sub(headroom + 2))
}

/// The guaranteed size of the volume group on a mirror of `least` MiB: blivet sets the first 2 MiB aside there.
pub(crate) fn volume_group_on_array(least: Mib) -> Mib {
    volume_group_size(Mib(least.0.saturating_sub(PV_DATA_START.0)))
}

/// The number of extents in `size`, which is a multiple of the extent size.
pub(crate) fn extents(size: Mib) -> u64 {
    size.0 / EXTENT.0
}

/// Whether a logical volume of this size is exact; Anaconda rounds any other size up to the next extent.
pub(crate) fn is_whole_extents(size: Mib) -> bool {
    size.0.is_multiple_of(EXTENT.0)
}

/// Where partitions must end on an MBR disk: at the last whole MiB.
pub(crate) fn mbr_end(sectors: u64, sector_size: u32) -> Mib {
    Mib(sectors.min(MBR_SECTORS).saturating_mul(u64::from(sector_size)) / MIB)
}

/// Where partitions must end on a GPT disk: the backup table takes one sector and 16 KiB of entries at the end.
pub(crate) fn gpt_end(sectors: u64, sector_size: u32) -> Mib {
    let backup = 1 + 16384_u64.div_ceil(u64::from(sector_size.max(512)));
    Mib(sectors.saturating_sub(backup).saturating_mul(u64::from(sector_size)) / MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_groups_are_as_real_lvm_made_them() {
        let measured = [
            (20996, 20992),
            (20997, 20996),
            (21000, 20996),
            (21001, 21000),
            (216_972, 216_968),
            (216_973, 216_972),
            (216_976, 216_972),
            (16997, 16996),
            (17000, 16996),
            (29997, 29996),
            (30000, 29996),
            (28788, 28784),
            (28789, 28788),
            (28792, 28788),
            (28793, 28792),
        ];
        for (partition, group) in measured {
            assert_eq!(volume_group_size(Mib(partition)), Mib(group), "{partition}");
        }
    }

    #[test]
    fn the_smallest_partition_for_a_group_yields_it_and_one_less_does_not() {
        assert_eq!(partition_for(Mib(4)), MIN_PHYSICAL_VOLUME);
        for group in (8..4000).step_by(4).map(Mib) {
            let partition = partition_for(group);
            assert_eq!(volume_group_size(partition), group);
            assert!(volume_group_size(partition - Mib(1)) < group);
        }
    }

    #[test]
    fn both_labels_leave_the_same_whole_mib_on_the_papers_disks() {
        for (sectors, end) in [(488_397_168, 238_475), (156_301_488, 76_319)] {
            assert_eq!(mbr_end(sectors, 512), Mib(end));
            assert_eq!(gpt_end(sectors, 512), Mib(end));
        }
        assert_eq!(gpt_end(2048 * 10, 512), Mib(9), "a disk of whole MiB loses its last one to the backup table");
        assert_eq!(mbr_end(2048 * 10, 512), Mib(10));
        assert_eq!(gpt_end(256 * 10, 4096), Mib(9));
        // One sector for the header of the backup, and 16 KiB for its entries.
        assert_eq!((gpt_end(2048 * 10 + 32, 512), gpt_end(2048 * 10 + 33, 512)), (Mib(9), Mib(10)));
        assert_eq!((gpt_end(256 * 10 + 4, 4096), gpt_end(256 * 10 + 5, 4096)), (Mib(9), Mib(10)));
    }

    #[test]
    fn an_array_keeps_a_power_of_two_of_at_most_a_thousandth() {
        for (partition, keeps) in
            [(131_072, 128), (131_071, 64), (65_536, 64), (65_535, 32), (2048, 2), (2047, 1), (100, 1), (1 << 30, 128)]
        {
            assert_eq!(array_least(Mib(partition)), Mib(partition - keeps - 2), "{partition}");
        }
    }
}
