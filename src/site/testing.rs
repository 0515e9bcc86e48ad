//! The paper's testbed as a value, for unit tests of the pure folders.

use std::collections::BTreeMap;

use super::*;

fn exact(size: u64, purpose: PartitionUse) -> PartitionSpec {
    PartitionSpec { size: SizeSpec::Exact(Mib(size)), purpose, disk: None }
}

fn pv(name: &str) -> PartitionUse {
    PartitionUse::PhysicalVolume { volume_group: name.into() }
}

fn lv(name: &str, size: u64, file_system: FileSystem, mount: Option<&str>) -> LogicalVolumeSpec {
    LogicalVolumeSpec { name: name.into(), size: SizeSpec::Exact(Mib(size)), file_system, mount: mount.map(Into::into) }
}

fn group(name: &str, logical_volumes: Vec<LogicalVolumeSpec>) -> VolumeGroupSpec {
    VolumeGroupSpec { name: name.into(), logical_volumes, spans: false, encrypted: false }
}

fn base(swap: u64) -> VolumeGroupSpec {
    VolumeGroupSpec {
        name: "vg_base".into(),
        logical_volumes: vec![
            lv("lv_root", 10000, FileSystem::Ext4, Some("/")),
            lv("lv_swap", swap, FileSystem::Swap, None),
            lv("lv_home", 4996, FileSystem::Ext4, Some("/home")),
        ],
        spans: false,
        encrypted: false,
    }
}

/// Table 2 of the paper.
pub(crate) fn compute_layout() -> Layout {
    let boot = PartitionUse::Mount { path: "/boot".into(), file_system: FileSystem::Ext4 };
    let gluster = lv("lv_gluster", 216_972, FileSystem::Xfs, Some("/export/gluster"));
    Layout {
        name: "paper".into(),
        partitions: vec![exact(500, boot), exact(21000, pv("vg_base")), exact(216_974, pv("vg_gluster"))],
        volume_groups: vec![base(6000), group("vg_gluster", vec![gluster])],
        ..Layout::default()
    }
}

/// Table 3 of the paper, with the sda5 row corrected to a size that can hold 28788 MiB of extents.
pub(crate) fn controller_layout() -> Layout {
    let boot = PartitionUse::Mount { path: "/boot".into(), file_system: FileSystem::Ext4 };
    let images = lv("lv_images", 28788, FileSystem::Ext4, Some("/var/lib/glance/images"));
    Layout {
        name: "paper".into(),
        partitions: vec![
            exact(500, boot),
            exact(17000, pv("vg_base")),
            exact(30000, pv("nova-volumes")),
            exact(28791, pv("vg_images")),
        ],
        volume_groups: vec![base(2000), group("nova-volumes", vec![]), group("vg_images", vec![images])],
        ..Layout::default()
    }
}

fn role(name: &str, includes: &[&str], aliases: &[&str], layout: Layout) -> (String, Role) {
    let strings = |list: &[&str]| list.iter().map(|s| s.to_string()).collect();
    let role = Role {
        name: name.into(),
        summary: format!("a {name} node"),
        includes: strings(includes),
        aliases: strings(aliases),
        provides: match name {
            "controller" => strings(&["control", "images"]),
            "compute" => strings(&["hypervisor", "brick"]),
            _ => strings(&["router"]),
        },
        layouts: BTreeMap::from([("paper".to_string(), layout)]),
        default_layout: None,
        software: Software::default(),
    };
    (name.into(), role)
}

fn node(name: &str, role: &str, last: u8, sectors: u64, layout: Layout, nics: Vec<Nic>) -> Node {
    Node {
        name: name.parse().expect("a test name"),
        role: role.into(),
        mac: nics.iter().find(|nic| nic.network == NicNetwork::Lan).expect("a LAN card").mac,
        address: Ipv4Addr::new(192, 168, 0, last),
        firmware: Firmware::Bios,
        loader: LoaderChoice::Auto,
        boot_disk: 0,
        disks: vec![DiskSlot::os(DiskRule { name: Some("sda".into()), ..DiskRule::of(sectors, 512) })],
        nics,
        bonds: Vec::new(),
        vlans: Vec::new(),
        layout,
        keep: Vec::new(),
        install_tree: "centos6".into(),
        release: "6.10".parse().expect("a release"),
        kernel_args: String::new(),
        container: None,
        tang: None,
        place: None,
        power: None,
    }
}

fn secret(name: &str, targets: &[&str], paper: Option<&str>) -> (String, super::SecretSpec) {
    let targets = targets.iter().map(|target| target.to_string()).collect();
    let steps = vec!["07-openstack-controller/21-nova-create-db".to_string()];
    (name.into(), super::SecretSpec { targets, paper: paper.map(String::from), steps })
}

fn forwarding(of: Option<&str>, not_of: Option<&str>, when: &str) -> Sentence {
    let (hardened, paper) = ("answers alone".to_string(), "everything".to_string());
    Sentence {
        of: of.map(String::from),
        not_of: not_of.map(String::from),
        when: when.into(),
        about: "forwarding".into(),
        hardened,
        paper,
    }
}

fn listed(name: &str, provide: &str, first: bool) -> (String, NodeList) {
    (name.into(), NodeList { provide: provide.into(), first })
}

fn nic(name: &str, node: u8, card: u8, network: NicNetwork) -> Nic {
    Nic { name: name.into(), mac: Mac([0x52, 0x54, 0, 0xa8, node, card]), network, fixed: None }
}

/// The site with one more network, `10.0.2.0/24` behind the router and relay agent 10.0.2.1, where a node is moved as
/// 10.0.2.4.
pub(crate) fn behind_a_router(mut site: Site, name: &str) -> Site {
    site.routed = vec![Network {
        subnet: "10.0.2.0/24".parse().expect("a subnet"),
        router: Ipv4Addr::new(10, 0, 2, 1),
        dns: vec![Ipv4Addr::new(10, 0, 2, 53)],
        ntp: vec!["10.0.2.123".into()],
        lease_seconds: 3600,
        router_advertisement: false,
        relays: vec![Ipv4Addr::new(10, 0, 2, 1)],
        discovery: None,
    }];
    let mut nodes: Vec<Node> = site.nodes.to_vec();
    let node = nodes.iter_mut().find(|node| node.name.as_str() == name).expect("a node");
    node.address = Ipv4Addr::new(10, 0, 2, 4);
    site.nodes = nodes.into();
    site
}

/// Five nodes of the paper: controller, compute1 (gateway), compute2 to compute4.
pub fn paper_site() -> Site {
    let mut nodes = vec![node(
        "controller",
        "controller",
        5,
        156_301_488,
        controller_layout(),
        vec![nic("eth0", 5, 0, NicNetwork::Lan)],
    )];
    for number in 1..=4u8 {
        let (role, outside) = if number == 1 { ("gateway", NicNetwork::Public) } else { ("compute", NicNetwork::None) };
        let nics = vec![nic("eth0", number, 0, outside), nic("eth1", number, 1, NicNetwork::Lan)];
        nodes.push(node(&format!("compute{number}"), role, number, 488_397_168, compute_layout(), nics));
    }
    Site {
        name: "testbed".into(),
        blueprint: Blueprint {
            name: "essex".into(),
            summary: "the paper's cloud".into(),
            firewall_by_steps: true,
            steps: ["firewall", "router", "gluster", "selinux", "kvm", "http", "nova", "essex"]
                .map(String::from)
                .to_vec(),
            capabilities: ["control", "images", "hypervisor", "brick", "router"]
                .map(|name| (name.to_string(), Capability::default()))
                .into(),
            nodes: BTreeMap::from([
                listed("COMPUTES", "hypervisor", false),
                listed("CONTROLLER", "control", true),
                listed("GATEWAY", "router", true),
            ]),
            callers: BTreeMap::from([
                ("machines".to_string(), Caller::Network("vm_network".into())),
                ("vms".to_string(), Caller::Bridge("vm_bridge".into())),
                (
                    "vlans".to_string(),
                    Caller::Bridges { prefix: "br".into(), first: "vlan_start".into(), count: "num_networks".into() },
                ),
            ]),
            copies: Some(Copies {
                of: "brick".into(),
                volume: "volume".into(),
                mount: "brick_mount".into(),
                number: "replica".into(),
                members: "BRICKS".into(),
                usual: 3,
                all_of: Some(4),
            }),
            drain: Some(Drain { served: "hypervisor".into(), keeper: "control".into() }),
            keepsakes: BTreeMap::from([(
                "GLUSTER_UUID".to_string(),
                Keepsake { summary: "who it is".into(), form: ValueForm::Uuid, formerly: Some("gluster".into()) },
            )]),
            sentences: vec![
                forwarding(Some("router"), None, ""),
                forwarding(Some("hypervisor"), Some("router"), "multi_host=yes"),
            ],
            trial: Some(Trial {
                variable: "acceptance".into(),
                image: "cirros_image".into(),
                without_image: vec!["services".into()],
                group: "10".into(),
            }),
            roles: BTreeMap::from([
                role("controller", &[], &[], controller_layout()),
                role("compute", &[], &[], compute_layout()),
                role("gateway", &["compute"], &["gateway"], compute_layout()),
            ]),
            variables: BTreeMap::from([
                ("volume".to_string(), "vm-instances".to_string()),
                ("brick_mount".to_string(), "/export/gluster".to_string()),
                ("instances".to_string(), "/var/lib/nova/instances".to_string()),
                ("vm_network".to_string(), "10.0.0.0/24".to_string()),
                ("vm_bridge".to_string(), "br100".to_string()),
                ("vm_interface".to_string(), String::new()),
                ("network_manager".to_string(), "flatdhcp".to_string()),
                ("multi_host".to_string(), String::new()),
                ("vlan_start".to_string(), "100".to_string()),
                ("num_networks".to_string(), "1".to_string()),
                ("network_size".to_string(), "256".to_string()),
                ("nova_uid".to_string(), "162".to_string()),
                ("last_group".to_string(), "10".to_string()),
                ("admin_user".to_string(), "admin".to_string()),
                ("admin_tenant".to_string(), "admin".to_string()),
                ("service_tenant".to_string(), "service".to_string()),
                ("glance_user".to_string(), "glance".to_string()),
                ("nova_user".to_string(), "nova".to_string()),
                ("region".to_string(), "RegionOne".to_string()),
                ("public_address".to_string(), "".to_string()),
                ("ntp_servers".to_string(), "0.pool.ntp.org 1.pool.ntp.org 2.pool.ntp.org".to_string()),
                ("cirros_image".to_string(), "cirros-0.3.0-x86_64".to_string()),
                ("cirros_file".to_string(), "cirros-0.3.0-x86_64-disk.img".to_string()),
                ("acceptance".to_string(), "services boot ssh volume migration".to_string()),
                ("ubuntu_file".to_string(), "".to_string()),
            ]),
            secrets: BTreeMap::from([
                secret("MYSQL_ROOT_PASSWORD", &["controller"], Some("mysqlrootpassword")),
                secret("NOVA_MYSQL_PASSWORD", &["controller", "compute"], Some("novamysqlpassword")),
                secret("QPID_PASSWORD", &["controller", "compute"], None),
            ]),
            ..Blueprint::default()
        },
        security: Security::Hardened,
        timezone: "UTC".into(),
        domain: None,
        server: Server {
            interface: "lo".into(),
            address: Ipv4Addr::new(192, 168, 0, 254),
            http_port: 80,
            token_seconds: 7200,
            state: "/var/lib/rackstart".into(),
            socket: "/run/rackstart/rackstart.sock".into(),
            socket_group: None,
            syslog: true,
            ntp: Default::default(),
            dns: true,
            dns_forwarders: None,
            dhcp: DhcpMode::Authoritative,
            allows_rivals: false,
            wipes_per_minute: 10,
            arming_seconds: 7200,
        },
        api: None,
        notify: None,
        guarded: Vec::new(),
        network: Network {
            subnet: "192.168.0.0/24".parse().expect("a subnet"),
            router: Ipv4Addr::new(192, 168, 0, 1),
            dns: vec![Ipv4Addr::new(192, 168, 0, 254)],
            ntp: vec!["192.168.0.254".into()],
            lease_seconds: 7200,
            router_advertisement: true,
            relays: vec![],
            discovery: None,
        },
        routed: Vec::new(),
        access: Access::default(),
        key: super::KeySource::None,
        users: Vec::new(),
        software: Software::default(),
        repositories: Vec::new(),
        images: Vec::new(),
        install_trees: vec![InstallTree {
            name: "centos6".into(),
            path: "/srv/rackstart/centos6".into(),
            distribution: None,
            repositories: vec![],
            signed: vec![],
            root: None,
        }],
        loaders: vec![],
        nodes: nodes.into(),
    }
}

/// A bootable container at a registry that wants a login.
pub(crate) fn container() -> Container {
    Container {
        name: "web".into(),
        image: "r.example:5000/web:1".into(),
        signed_by: None,
        authority: None,
        user: Some("robot".into()),
        stateroot: None,
        remote: None,
    }
}
