# shellcheck shell=bash
# Loads what every step shares: this node's paths and values (lib/node.sh) and
# the functions below lib/. Does nothing by itself.

. "${PAYLOAD:-${RACKSTART_ROOT:-}/usr/lib/rackstart}/lib/node.sh"
. "$PAYLOAD/lib/encode.sh"
. "$PAYLOAD/lib/files.sh"
. "$PAYLOAD/lib/ini.sh"
. "$PAYLOAD/lib/conditions.sh"
. "$PAYLOAD/lib/services.sh"
. "$PAYLOAD/lib/cards.sh"
. "$PAYLOAD/lib/firewall.sh"
. "$PAYLOAD/lib/gluster.sh"
. "$PAYLOAD/lib/members.sh"
. "$PAYLOAD/lib/packages.sh"
. "$PAYLOAD/lib/openstack.sh"
. "$PAYLOAD/lib/database.sh"
. "$PAYLOAD/lib/identity.sh"
. "$PAYLOAD/lib/images.sh"
. "$PAYLOAD/lib/nova.sh"
. "$PAYLOAD/lib/bridge.sh"
. "$PAYLOAD/lib/acceptance.sh"
