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
. "$PAYLOAD/lib/packages.sh"
# What the step sets of the blueprint bring; none of it runs anything by itself.
for part in "$PAYLOAD"/lib/sets/*.sh; do
  # shellcheck disable=SC1090
  [ ! -f "$part" ] || . "$part"
done
