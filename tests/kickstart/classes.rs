//! What is proved of one node of a class holds for all: the proof by classes finds exactly what one proof for each
//! node finds.

use rackstart::config::{EXAMPLE, parse};
use rackstart::render::{Fault, Renderer, prove, prove_nodes};
use rackstart::site::{Mac, Node, Site};

/// The example with many compute nodes, of several kinds.
fn site() -> Site {
    let site = parse(EXAMPLE, "the example").unwrap();
    let base: Vec<Node> = site.nodes.iter().cloned().collect();
    let compute = base.iter().find(|node| node.role == "compute").unwrap().clone();
    let mut nodes = base.clone();
    for n in 0..60u8 {
        let mut node = compute.clone();
        let old = node.mac;
        node.mac = Mac([2, 0, 0, 0, 9, n]);
        node.nics.iter_mut().filter(|nic| nic.mac == old).for_each(|nic| nic.mac = Mac([2, 0, 0, 0, 9, n]));
        node.name = format!("other{n}").parse().unwrap();
        node.address = std::net::Ipv4Addr::new(192, 168, 0, 100 + n);
        if n % 3 == 1 {
            node.os_disk_mut().serial = Some(format!("WD-{n:06}"));
        }
        if n % 7 == 2 {
            node.kernel_args = "x".repeat(30 * usize::from(n));
        }
        if n % 11 == 3 {
            node.os_disk_mut().serial = Some(format!("a\u{1}{n}"));
        }
        if n % 13 == 4 {
            node.os_disk_mut().sectors = 1000;
        }
        nodes.push(node);
    }
    Site { nodes: nodes.into_iter().collect(), ..site }
}

#[test]
fn what_is_proved_of_one_node_of_a_class_is_proved_of_all() {
    let (site, renderer) = (site(), Renderer::new().unwrap());
    let key = |fault: &Fault| (fault.node.to_string(), fault.what, fault.error.to_string());
    let mut by_class: Vec<_> = prove(&renderer, &site).iter().map(key).collect();
    let mut one_by_one: Vec<_> = site
        .nodes
        .iter()
        .flat_map(|node| prove_nodes(&renderer, &site, std::slice::from_ref(node)))
        .map(|fault| key(&fault))
        .collect();
    by_class.sort();
    one_by_one.sort();
    assert!(by_class.len() > 10);
    assert_eq!(by_class, one_by_one);
}
