"""Are the settings that the steps wrote options that the services know? Asked of oslo.config's own validator, on the nodes."""

COMMON = ["oslo.log", "oslo.messaging", "oslo.db", "oslo.concurrency", "oslo.policy", "keystonemiddleware.auth_token"]
FILES = {
    "controller": {
        "/etc/keystone/keystone.conf": ["keystone", "oslo.cache"],
        "/etc/glance/glance-api.conf": ["glance.api", "glance.store"],
        "/etc/placement/placement.conf": ["placement.conf"],
        "/etc/cinder/cinder.conf": ["cinder", "nova.auth"],
        "/etc/nova/nova.conf": ["nova.conf"],
        "/etc/neutron/neutron.conf": ["neutron", "neutron.agent", "neutron.db", "neutron.extensions", "nova.auth", "placement.auth"],
    },
    "compute1": {
        "/etc/nova/nova.conf": ["nova.conf"],
        "/etc/neutron/plugins/ml2/ml2_conf.ini": ["neutron.ml2"],
        "/etc/neutron/plugins/ml2/openvswitch_agent.ini": ["neutron.ml2.ovs.agent"],
        "/etc/neutron/dhcp_agent.ini": ["neutron.dhcp.agent", "neutron.base.agent"],
        "/etc/neutron/l3_agent.ini": ["neutron.l3.agent", "neutron.base.agent"],
        "/etc/neutron/metadata_agent.ini": ["neutron.metadata.agent"],
    },
}


# A backend of Cinder is a section of any name, with the options of `backend_defaults`; which plugin reads [service_user] is no
# option of Cinder's own sample.
AS_SAMPLE = r"sed -e 's/^\[\(ceph\|lvm\)\]$/[backend_defaults]/' -e '/^\[service_user\]$/,/^\[/{/^auth_type = /d}'"


def validator(file, names):
    """The command that has a file read by oslo.config's validator."""
    words = " ".join(f"--namespace {name}" for name in [*names, *COMMON])
    return f"{AS_SAMPLE} {file} >/tmp/settings.conf && oslo-config-validator {words} --input-file /tmp/settings.conf"


def faults(machines):
    """A line for each file that has an option which nobody knows."""
    lines = []
    for machine in machines:
        for file, names in FILES.get(machine.name, {}).items():
            if machine.status(validator(file, names)):
                lines.append(f"{file} of {machine.name}")
    return lines
