# shellcheck shell=bash
# Makes Nova's tables and its two cells. `create_cell` silently makes a second cell of the same name, so this step
# looks for one first.
apply_limit=3600

manage() {
  as_account nova nova-manage "$@"
}

# cells: prints the names of the cells, from the API's database.
cells() {
  echo "SELECT name FROM cell_mappings;" | as_root nova_api
}

check() {
  schema_is_there nova_api alembic_version cell_mappings flavors
  schema_is_there nova_cell0 alembic_version instances
  schema_is_there nova alembic_version instances services
  cells | grep -qx cell0
  cells | grep -qx cell1
}

apply() {
  make_schema nova_api manage api_db sync
  cells | grep -qx cell0 || manage cell_v2 map_cell0
  cells | grep -qx cell1 || manage cell_v2 create_cell --name=cell1
  make_schema nova manage db sync
  # When the password of the database or of the queue has changed, the cells have to follow.
  point_cells
}

point_cells() {
  local id
  id=$(echo "SELECT uuid FROM cell_mappings WHERE name = 'cell1';" | as_root nova_api)
  # Without URLs as arguments the command takes those of nova.conf.
  manage cell_v2 update_cell --cell_uuid "$id" >/dev/null
}

verify() {
  check
  manage cell_v2 list_cells | grep -q cell1
}
