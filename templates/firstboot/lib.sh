# shellcheck shell=bash
# Loads what the runner and every step share: the rendered values of this node
# (`env`) and the functions below lib/. Written for bash 4.1 and the tools of
# an EL6 @core installation; does nothing by itself.

# Every path on the node starts with ROOT. It is empty on a real node; the
# tests put a directory there.
ROOT=${RACKSTART_ROOT:-}
PAYLOAD=${PAYLOAD:-$ROOT/usr/lib/rackstart}
STATE=$ROOT/var/lib/rackstart
JOURNAL=$STATE/journal
QUEUE=$STATE/queue
LOGS=$ROOT/var/log/rackstart

export LC_ALL=C
# An init script of EL6 starts with a short PATH; what is there comes first.
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

. "$PAYLOAD/env"
# What only this node's roles may know; a site without secrets has no such file.
[ ! -f "$PAYLOAD/secrets" ] || . "$PAYLOAD/secrets"
. "$PAYLOAD/lib/encode.sh"
. "$PAYLOAD/lib/files.sh"
. "$PAYLOAD/lib/ini.sh"
. "$PAYLOAD/lib/conditions.sh"
. "$PAYLOAD/lib/services.sh"
. "$PAYLOAD/lib/cards.sh"
. "$PAYLOAD/lib/firewall.sh"
. "$PAYLOAD/lib/gluster.sh"
. "$PAYLOAD/lib/packages.sh"
. "$PAYLOAD/lib/openstack.sh"
. "$PAYLOAD/lib/database.sh"
. "$PAYLOAD/lib/identity.sh"
. "$PAYLOAD/lib/images.sh"
. "$PAYLOAD/lib/nova.sh"
. "$PAYLOAD/lib/acceptance.sh"
