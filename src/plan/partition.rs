//! From wanted partitions to numbered ones on one disk: sizes, slots and starts.

use crate::site::{DiskLabel, Mib, Node};

use super::luks;
use super::order::{self, Disorder, Means, Request};
use super::share::share;
use super::size::{self, GRAIN};
use super::wanted::{Wanted, in_words};
use super::{Content, DiskPlan, PartitionPlan, Placement, PlanError, Slot};

/// The kernel reserves sixteen minor numbers for `sda`, the first of them for the disk itself.
const MAX_PARTITIONS: usize = 15;
/// Slots of an MBR; the last one becomes the extended partition when more are wanted.
const MBR_SLOTS: usize = 4;

/// A disk that is to be divided.
pub(crate) struct Disk<'a> {
    pub node: &'a Node,
    pub slot: &'a str,
    pub label: DiskLabel,
    pub label_is_default: bool,
    pub sectors: u64,
    pub sector_size: u32,
    /// Where the last partition may end if the disk in this slot mirrors it and may be smaller.
    pub limit: Option<(Mib, &'a str)>,
    pub wanted: Vec<Wanted>,
}

/// The space in which partitions may be placed.
struct Room {
    usable_end: Mib,
    /// Number of logical partitions.
    logical: usize,
    /// What is kept free for the extra gap before the first logical partition.
    extra: Mib,
    /// The exact size of the extended partition; none means all the space that is left.
    extended: Option<Mib>,
}

impl<'a> Disk<'a> {
    /// Where partitions on the whole disk must end.
    pub(crate) fn end(&self) -> Mib {
        match self.label {
            DiskLabel::Msdos => size::mbr_end(self.sectors, self.sector_size),
            DiskLabel::Gpt => size::gpt_end(self.sectors, self.sector_size),
        }
    }

    /// Number of logical partitions.
    fn logical(&self) -> usize {
        let mbr = self.label == DiskLabel::Msdos && self.wanted.len() >= MBR_SLOTS;
        if mbr { self.wanted.len() - (MBR_SLOTS - 1) } else { 0 }
    }

    /// Limits the disk to the room that its mirror has. What is not mirrored takes room only here.
    pub(crate) fn keep_within(&mut self, twin: &Disk<'a>) {
        let overhead = |disk: &Disk<'_>| {
            let own = disk.wanted.iter().filter(|wanted| !matches!(wanted.content, Content::RaidMember { .. }));
            let records = gaps(disk.logical()) + extra_gap(disk.logical());
            own.map(|wanted| wanted.size.minimum().0).sum::<u64>() + records.0
        };
        self.limit = Some((Mib((twin.end().0 + overhead(self)).saturating_sub(overhead(twin))), twin.slot));
    }

    /// Plans the disk. The notes say where the plan differs from the layout as written.
    pub(crate) fn plan(self, notes: &mut Vec<String>) -> Result<DiskPlan, PlanError> {
        let usable_end = self.limit.map_or(self.end(), |(limit, _)| limit.min(self.end()));
        let logical = self.logical();
        let is_os = self.slot == self.node.disks[0].slot;
        let extended = self.node.layout.extended.filter(|_| is_os && logical > 0);
        let room = Room { usable_end, logical, extra: extra_gap(logical), extended };
        let (sizes, placements) = self.arrange(&room, notes)?;
        let end = self.end();
        let (label, label_is_default, sectors, sector_size) =
            (self.label, self.label_is_default, self.sectors, self.sector_size);
        let slot = self.slot.to_string();
        let contents = self.wanted.into_iter().map(|wanted| wanted.content);
        let partitions = lay_out(contents.zip(sizes).zip(placements), &room, end);
        if partitions.len() > MAX_PARTITIONS {
            return Err(PlanError::TooManyPartitions { node: self.node.name.clone(), count: partitions.len() });
        }
        let last = |partitions: &[PartitionPlan]| partitions.iter().map(PartitionPlan::end).max().unwrap_or(GRAIN);
        // An extended partition with its own size takes that room whatever is in it; one over the rest takes none by
        // itself.
        let counts = |partition: &&PartitionPlan| extended.is_some() || partition.slot != Slot::Extended;
        let last = last(&partitions.iter().filter(counts).cloned().collect::<Vec<_>>());
        Ok(DiskPlan {
            slot,
            label,
            label_is_default,
            sectors,
            sector_size,
            usable_end: end,
            free: end - last,
            partitions,
        })
    }

    /// Computes sizes and flags. If there is no room for the extra gap, there may be a way without it: flags that grow,
    /// or a table that `%pre` makes.
    fn arrange(&self, room: &Room, notes: &mut Vec<String>) -> Result<(Vec<Mib>, Vec<Placement>), PlanError> {
        let arranged = |room: &Room, notes: &mut Vec<String>| {
            let sizes = self.sizes(room, notes)?;
            let placements = self.placements(room, &sizes, notes)?;
            Ok((sizes, placements))
        };
        let refused = match arranged(room, notes) {
            Err(refused @ PlanError::DiskTooSmall { .. }) => refused,
            other => return other,
        };
        let mut tight_notes = Vec::new();
        match arranged(&Room { extra: Mib(0), ..*room }, &mut tight_notes) {
            Ok((sizes, placements)) if !placements.iter().all(is_plain_order) => {
                notes.extend(tight_notes);
                Ok((sizes, placements))
            }
            // The shortfall is reported for the way that needs less, if the partitions at their minimum would go that
            // way.
            Err(less @ PlanError::DiskTooSmall { .. }) if !self.is_plain_at_least(room) => Err(less),
            _ => Err(refused),
        }
    }

    fn is_plain_at_least(&self, room: &Room) -> bool {
        let smallest: Vec<Mib> = self.wanted.iter().map(|wanted| wanted.size.minimum().max(Mib(1))).collect();
        let placements = self.placements(room, &smallest, &mut Vec::new());
        placements.is_ok_and(|placements| placements.iter().all(is_plain_order))
    }

    /// The flags for each partition, or `Prepared` for all when no flags lead to the wanted order.
    fn placements(&self, room: &Room, sizes: &[Mib], notes: &mut Vec<String>) -> Result<Vec<Placement>, PlanError> {
        let prepared = vec![Placement::Prepared; sizes.len()];
        if self.node.layout.prepared {
            notes.push(format!("%pre makes the partitions of disk `{}`: the layout says `prepared`", self.slot));
            return Ok(prepared);
        }
        if self.node.release.is_debian() {
            notes.push(format!("%pre makes the partitions of disk `{}`, as always on Debian", self.slot));
            return Ok(prepared);
        }
        if let Some(size) = room.extended {
            notes.push(format!(
                "%pre makes the partitions: the installer would give the extended one all that is left, not {size}"
            ));
            return Ok(prepared);
        }
        let means = Means { mbr: self.label == DiskLabel::Msdos, grow: self.grows_to_own_size(sizes) };
        let disorder = match order::place(&self.requests(sizes), means) {
            Ok(placements) => return Ok(placements),
            Err(disorder) => disorder,
        };
        let late = |index: usize| in_words(&self.wanted[index].content);
        let why = match disorder {
            Disorder::Weight(index) => format!("the installer always places {} first", late(index)),
            Disorder::Rises(index) => format!("no flags keep the order of the sizes at {}", late(index)),
        };
        notes.push(format!("%pre makes the partitions of disk `{}`: {why}", self.slot));
        Ok(prepared)
    }

    fn sizes(&self, room: &Room, notes: &mut Vec<String>) -> Result<Vec<Mib>, PlanError> {
        let empty = |wanted: &Wanted| wanted.size.minimum() == Mib(0) && !wanted.size.grows();
        if let Some(wanted) = self.wanted.iter().find(|wanted| empty(wanted)) {
            return Err(PlanError::Empty { node: self.node.name.clone(), what: in_words(&wanted.content) });
        }
        let mut sizes: Vec<Mib> = self.wanted.iter().map(|wanted| wanted.size.minimum().max(Mib(1))).collect();
        if let Some(extended) = room.extended {
            let primaries = MBR_SLOTS - 1;
            let within = total(&sizes[primaries..], gaps(room.logical));
            if within > extended {
                let (node, shortfall) = (self.node.name.clone(), within - extended);
                return Err(PlanError::ExtendedTooSmall { node, needed: within, extended, shortfall });
            }
            let needed = total(&sizes[..primaries], GRAIN + extended);
            if needed > room.usable_end {
                // A smaller logical partition would only leave room in the extended one.
                let shrink_by = needed - room.usable_end;
                let shrink = match within + shrink_by <= extended {
                    true => Some((in_words(&Content::Extended), extended - shrink_by)),
                    false => self.smaller(&sizes[..primaries], shrink_by),
                };
                return Err(self.too_small(shrink, needed, room.usable_end));
            }
            self.grow(&mut sizes, primaries.., extended - within);
            self.grow(&mut sizes, 0..primaries, room.usable_end - needed);
            return Ok(sizes);
        }
        let needed = total(&sizes, GRAIN + gaps(room.logical) + room.extra);
        match needed <= room.usable_end {
            true => self.grow(&mut sizes, .., room.usable_end - needed),
            false => self.squeeze(&mut sizes, needed, room.usable_end, notes)?,
        }
        Ok(sizes)
    }

    /// Whether `--grow` with `--maxsize` at the partition's own size changes nothing. The early `PartitionRequest`,
    /// which EL6 may have, takes a growth of 0 as unlimited. There it must find nothing to grow into: the partitions must
    /// fill the disk without a gap, such as the one before a logical partition.
    fn grows_to_own_size(&self, sizes: &[Mib]) -> bool {
        !self.node.release.is_el6() || total(sizes, GRAIN) == self.end()
    }

    fn requests(&self, sizes: &[Mib]) -> Vec<Request> {
        let request = |(wanted, &size): (&Wanted, &Mib)| Request { weight: self.weight(&wanted.content), size };
        self.wanted.iter().zip(sizes).map(request).collect()
    }

    /// How much Anaconda prefers a partition. Half a mirror has no mount point, and therefore no weight either.
    fn weight(&self, content: &Content) -> u32 {
        let is_boot = |content: &Content| matches!(content, Content::Mount { mount, .. } if mount == "/boot");
        match content {
            Content::EfiSystem | Content::BiosBoot => order::FIRMWARE_WEIGHT,
            content if is_boot(content) => order::BOOT_WEIGHT,
            Content::Mount { mount, .. }
                if mount == "/" && !self.wanted.iter().any(|wanted| is_boot(&wanted.content)) =>
            {
                order::ROOT_WEIGHT
            }
            _ => 0,
        }
    }

    fn grow<R>(&self, sizes: &mut [Mib], range: R, rest: Mib)
    where
        R: std::slice::SliceIndex<[usize], Output = [usize]>,
    {
        let all: Vec<usize> = (0..sizes.len()).collect();
        let growing: Vec<usize> = all[range].iter().copied().filter(|&index| self.wanted[index].size.grows()).collect();
        let weights: Vec<u64> = growing.iter().map(|&index| sizes[index].0).collect();
        for (index, part) in growing.into_iter().zip(share(rest.0, &weights, GRAIN.0)) {
            sizes[index] = sizes[index] + Mib(part);
        }
    }

    /// Takes from physical volumes the MiB that hold no extent, so that a label's overhead costs no logical volume.
    fn squeeze(&self, sizes: &mut [Mib], needed: Mib, usable: Mib, notes: &mut Vec<String>) -> Result<(), PlanError> {
        let mut shortfall = needed - usable;
        let asked = sizes.to_vec();
        let mut squeezed = Vec::new();
        for index in (0..sizes.len()).rev() {
            let Content::PhysicalVolume { volume_group } = &self.wanted[index].content else { continue };
            let header = luks::of_group(self.node, volume_group);
            let group = luks::volume_group_size(sizes[index], header);
            let spare = Mib(sizes[index].0.saturating_sub(luks::partition_for(group, header).0)).min(shortfall);
            if spare == Mib(0) {
                continue;
            }
            sizes[index] = sizes[index] - spare;
            shortfall = shortfall - spare;
            squeezed.push(format!(
                "the partition of `{volume_group}` is {} instead of {}: the disk is that much too small, and the \
                 volume group keeps its {group}",
                sizes[index], asked[index]
            ));
        }
        if shortfall == Mib(0) {
            notes.extend(squeezed);
            return Ok(());
        }
        // A disk that is larger by what is still missing would be enough: the rest can be saved as above.
        Err(self.too_small(self.smaller(&asked, needed - usable), usable + shortfall, usable))
    }

    /// The largest of the first partitions of the disk, which were asked for with these sizes, and its size without
    /// `shrink_by`, the amount by which the layout as written is too large; none when nothing would remain of it.
    fn smaller(&self, asked: &[Mib], shrink_by: Mib) -> Option<(String, Mib)> {
        let largest = (0..asked.len()).max_by_key(|&index| asked[index]).filter(|&index| asked[index] > shrink_by)?;
        Some((in_words(&self.wanted[largest].content), asked[largest] - shrink_by))
    }

    fn too_small(&self, shrink: Option<(String, Mib)>, needed: Mib, usable: Mib) -> PlanError {
        let shortfall = needed - usable;
        let (node, layout) = (self.node.name.clone(), self.node.layout.name.clone());
        let smaller = self.limit.filter(|(limit, _)| *limit < self.end()).map_or(self.slot, |(_, twin)| twin);
        let disk = (self.node.disks.len() > 1).then(|| smaller.into());
        PlanError::DiskTooSmall { node, disk, layout, needed, usable, shortfall, shrink }
    }
}

fn total(sizes: &[Mib], overhead: Mib) -> Mib {
    sizes.iter().fold(overhead, |sum, &size| Mib(sum.0.saturating_add(size.0)))
}

/// The room for the boot records of logical partitions: one grain before each.
fn gaps(logical: usize) -> Mib {
    Mib(GRAIN.0 * logical as u64)
}

/// The additional grain before the first logical partition, unless a request on the disk grows. libparted counts the
/// first track of an extended partition as taken, so the free region that the installer aligns begins a grain later.
/// When something grows, the installer recomputes every position from the extended partition itself. Measured with
/// blivet 3.7.
fn extra_gap(logical: usize) -> Mib {
    if logical > 0 { GRAIN } else { Mib(0) }
}

/// Whether the installer places a partition in its first pass: nothing grows, and `%pre` has made nothing.
fn is_plain_order(placement: &Placement) -> bool {
    *placement != Placement::Prepared && !placement.grow_to_own_size()
}

fn lay_out(requests: impl Iterator<Item = ((Content, Mib), Placement)>, room: &Room, end: Mib) -> Vec<PartitionPlan> {
    let mut partitions = Vec::new();
    let mut start = GRAIN;
    let requests: Vec<_> = requests.collect();
    let extra = requests.iter().all(|(_, placement)| is_plain_order(placement));
    for (index, ((content, size), placement)) in requests.into_iter().enumerate() {
        let mut slot = Slot::Primary;
        let mut number = index as u32 + 1;
        if room.logical > 0 && index + 1 >= MBR_SLOTS {
            if index + 1 == MBR_SLOTS {
                partitions.push(PartitionPlan {
                    number,
                    start,
                    size: room.extended.unwrap_or(end - start),
                    slot: Slot::Extended,
                    content: Content::Extended,
                    placement: if placement == Placement::Prepared { placement } else { Placement::PLAIN },
                });
            }
            // Each logical partition has its own boot record in the MiB before it.
            start = start + GRAIN;
            if index + 1 == MBR_SLOTS && extra {
                start = start + extra_gap(room.logical);
            }
            (slot, number) = (Slot::Logical, number + 1);
        }
        partitions.push(PartitionPlan { number, start, size, slot, content, placement });
        start = start + size;
    }
    partitions
}
