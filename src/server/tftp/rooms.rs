//! The places of transfers, separate for nodes and strangers. Knows who holds a place and since when, and nothing about
//! packets.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use tokio::task::Id;

/// Places of one kind of client.
#[derive(Debug, Default)]
struct Room {
    taken: HashSet<SocketAddrV4>,
    /// In the order of their start; some have ended or were heard since.
    waiting: VecDeque<(SocketAddrV4, Id)>,
}

/// All places.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    nodes: Room,
    strangers: Room,
    of_client: HashMap<Ipv4Addr, Vec<SocketAddrV4>>,
    of_task: HashMap<Id, SocketAddrV4>,
}

impl Rooms {
    fn room(&mut self, is_node: bool) -> &mut Room {
        if is_node { &mut self.nodes } else { &mut self.strangers }
    }

    pub(super) fn enter(&mut self, client: SocketAddrV4, is_node: bool, task: Id) {
        let room = self.room(is_node);
        room.taken.insert(client);
        // Ended transfers are dropped at the latest when they are the majority.
        if room.waiting.len() > 2 * room.taken.len() + 64 {
            let tasks = &self.of_task;
            let room = if is_node { &mut self.nodes } else { &mut self.strangers };
            room.waiting.retain(|(_, task)| tasks.contains_key(task));
        }
        self.room(is_node).waiting.push_back((client, task));
        self.of_client.entry(*client.ip()).or_default().push(client);
        self.of_task.insert(task, client);
    }

    pub(super) fn leave(&mut self, client: SocketAddrV4, is_node: bool, task: Id) {
        self.room(is_node).taken.remove(&client);
        self.of_task.remove(&task);
        if let Some(own) = self.of_client.get_mut(client.ip()) {
            own.retain(|other| *other != client);
            if own.is_empty() {
                self.of_client.remove(client.ip());
            }
        }
    }

    /// The client whose transfer this task runs, while it has a place.
    pub(super) fn of_task(&self, task: Id) -> Option<SocketAddrV4> {
        self.of_task.get(&task).copied()
    }

    /// The transfers of one address, the oldest first.
    pub(super) fn of_client(&self, address: Ipv4Addr) -> &[SocketAddrV4] {
        self.of_client.get(&address).map_or(&[], Vec::as_slice)
    }

    pub(super) fn taken(&mut self, is_node: bool) -> usize {
        self.room(is_node).taken.len()
    }

    /// All transfers of one kind of client.
    pub(super) fn all(&mut self, is_node: bool) -> impl Iterator<Item = SocketAddrV4> {
        self.room(is_node).taken.iter().copied()
    }

    /// The oldest transfer of this kind that was never heard. Transfers found to be heard are not checked again.
    pub(super) fn oldest_unheard(
        &mut self,
        is_node: bool,
        is_unheard: impl Fn(SocketAddrV4) -> bool,
    ) -> Option<SocketAddrV4> {
        while let Some((client, task)) = self.room(is_node).waiting.pop_front() {
            if self.of_task.get(&task) == Some(&client) && is_unheard(client) {
                return Some(client);
            }
        }
        None
    }
}
