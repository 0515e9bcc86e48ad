# shellcheck shell=bash
# The share of the instances, by NFS version 4, whose two sides call users by name: both need the same domain, or
# everything belongs to nobody.

IDMAP=/etc/idmapd.conf
IDMAP_DOMAIN=rackstart

idmap_is_right() {
  [ "$(ini_get "$ROOT$IDMAP" General Domain)" = "$IDMAP_DOMAIN" ] && served rpcbind && served rpcidmapd "$IDMAP"
}

# Two services of EL6 that the mount needs: names of users, and locks.
idmap_apply() {
  ini_set "$ROOT$IDMAP" General Domain "$IDMAP_DOMAIN"
  serve rpcbind
  serve rpcidmapd "$IDMAP"
  serve nfslock
}
