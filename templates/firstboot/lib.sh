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
# The functions of the blueprint's step sets: every file that is neither above nor the
# runner's own.
for part in "$PAYLOAD"/lib/*.sh; do
  # shellcheck disable=SC1090
  case ${part##*/} in
    node.sh | encode.sh | files.sh | ini.sh | conditions.sh | services.sh | cards.sh | packages.sh) ;;
    journal.sh | inputs.sh | report.sh | run.sh | health.sh | errands.sh | renewal.sh | update.sh | status.sh | yum.sh) ;;
    *) . "$part" ;;
  esac
done
