# shellcheck shell=bash
# Nova's settings: what all nodes share, and what only the controller knows.

NOVA_CONF=/etc/nova/nova.conf
# The page of noVNC, which both distributions have.
CONSOLE_PAGE=vnc_lite.html

nova_settings() {
  setting "$NOVA_CONF" DEFAULT transport_url "$(transport_url)"
  setting "$NOVA_CONF" DEFAULT my_ip "$ADDRESS"
  setting "$NOVA_CONF" DEFAULT state_path /var/lib/nova
  setting "$NOVA_CONF" DEFAULT log_dir /var/log/nova
  setting "$NOVA_CONF" api auth_strategy keystone
  setting "$NOVA_CONF" glance api_servers "http://$CONTROLLER:9292"
  setting "$NOVA_CONF" oslo_concurrency lock_path /var/lib/nova/tmp
  setting "$NOVA_CONF" oslo_messaging_notifications driver noop
  setting "$NOVA_CONF" vnc enabled true
  setting "$NOVA_CONF" vnc server_listen "$ADDRESS"
  setting "$NOVA_CONF" vnc server_proxyclient_address "$ADDRESS"
  setting "$NOVA_CONF" vnc novncproxy_base_url "http://${PUBLIC_ADDRESS:-$(address_of "$GATEWAY")}:6080/$CONSOLE_PAGE"
  account_settings "$NOVA_CONF" placement placement "$PLACEMENT_SERVICE_PASSWORD"
  setting "$NOVA_CONF" placement region_name "$REGION"
  account_settings "$NOVA_CONF" neutron neutron "$NEUTRON_SERVICE_PASSWORD"
  setting "$NOVA_CONF" neutron region_name "$REGION"
  setting "$NOVA_CONF" cinder os_region_name "$REGION"
  token_settings "$NOVA_CONF" nova "$NOVA_SERVICE_PASSWORD"
  # A token that ends in the middle of a long migration is told apart from one that was stolen.
  account_settings "$NOVA_CONF" service_user nova "$NOVA_SERVICE_PASSWORD"
  setting "$NOVA_CONF" service_user send_service_user_token true
}

nova_controller_settings() {
  setting "$NOVA_CONF" DEFAULT enabled_apis osapi_compute,metadata
  setting "$NOVA_CONF" api_database connection "$(database_url nova_api nova "$NOVA_DB_PASSWORD")"
  setting "$NOVA_CONF" database connection "$(database_url nova nova "$NOVA_DB_PASSWORD")"
  setting "$NOVA_CONF" vnc novncproxy_host "$ADDRESS"
  setting "$NOVA_CONF" neutron service_metadata_proxy true
  setting "$NOVA_CONF" neutron metadata_proxy_shared_secret "$METADATA_SECRET"
  setting "$NOVA_CONF" conductor workers "${API_PROCESSES:-4}"
  setting "$NOVA_CONF" scheduler workers "${API_PROCESSES:-2}"
  # The scheduler enters new compute nodes itself, so that no step has to wait for them.
  setting "$NOVA_CONF" scheduler discover_hosts_in_cells_interval 15
  uwsgi_settings nova
  without_apparmor nova
  uwsgi_settings metadata
  without_apparmor metadata
}

nova_compute_settings() {
  setting "$NOVA_CONF" DEFAULT compute_driver libvirt.LibvirtDriver
  # What a machine runs on is in the volume that all nodes share, as it was given.
  setting "$NOVA_CONF" DEFAULT force_raw_images false
  setting "$NOVA_CONF" DEFAULT vif_plugging_timeout 300
  setting "$NOVA_CONF" DEFAULT vif_plugging_is_fatal true
  setting "$NOVA_CONF" DEFAULT reserved_host_memory_mb "$RESERVED_MEMORY"
  setting "$NOVA_CONF" libvirt virt_type "$(virt_type)"
  # Debian's package has it in a file that is read after nova.conf.
  [ ! -e "$ROOT/etc/nova/nova-compute.conf" ] || setting /etc/nova/nova-compute.conf libvirt virt_type "$(virt_type)"
  setting "$NOVA_CONF" libvirt images_type qcow2
  setting "$NOVA_CONF" libvirt live_migration_uri 'qemu+tcp://%s/system'
  [ "$(virt_type)" = kvm ] || setting "$NOVA_CONF" libvirt cpu_mode none
}

# virt_type: `virt_type` of the site file, else what this node can do.
virt_type() {
  if [ -n "$VIRT_TYPE" ]; then
    echo "$VIRT_TYPE"
  elif [ -e "$ROOT/dev/kvm" ]; then
    echo kvm
  else
    echo qemu
  fi
}

# keepsake_COMPUTE_ID: prints the id by which Nova knows this node's machines and their
# place.
keepsake_COMPUTE_ID() {
  [ ! -f "$ROOT/var/lib/nova/compute_id" ] || tr -d '[:space:]' <"$ROOT/var/lib/nova/compute_id"
}

# compute_rows: prints a line for each compute service: host, state, status, id.
compute_rows() {
  admin GET "http://$CONTROLLER:8774/v2.1/os-services?binary=nova-compute" 'OpenStack-API-Version: compute 2.53' </dev/null |
    json_rows services host state status id
}

# keep_nova disable|enable NODE: the compute service of another node. Before it goes, the machines there move to others.
keep_nova() {
  local rows id status
  rows=$(compute_rows) || { echo "Nova does not tell its services on $NODE" && return 1; }
  id=$(printf '%s\n' "$rows" | pick "$2" 4)
  if [ -z "$id" ]; then
    echo "Nova knows no nova-compute on $2"
    return 0
  fi
  printf '{"status": "%sd"}' "$1" |
    admin PUT "http://$CONTROLLER:8774/v2.1/os-services/$id" 'OpenStack-API-Version: compute 2.53' >/dev/null || return 1
  status=$(compute_rows | pick "$2" 3)
  if [ "$status" != "${1}d" ]; then
    echo "nova-compute on $2 is ${status:-gone}"
    return 1
  fi
  [ "$1" = enable ] || move_away "$2" || return 1
  echo "nova-compute on $2 is $status"
}

# machines_on NODE: prints a line for each machine that runs there: id, host, status, task, name.
machines_on() {
  admin GET "http://$CONTROLLER:8774/v2.1/servers/detail?all_tenants=1&host=$(url_part "$1")" </dev/null |
    json_rows servers id OS-EXT-SRV-ATTR:host status OS-EXT-STS:task_state name |
    awk -F '\t' '$3 != "SHUTOFF" && $3 != "ERROR" && $3 != "SHELVED_OFFLOADED"'
}

# move_away NODE: live-migrates each machine, one after the other. A machine that cannot move is named, and then the
# node is not released.
move_away() {
  local rows id host status task name until
  be_admin || return 1
  clock
  until=$((CLOCK + 400))
  rows=$(machines_on "$1") || return 1
  while IFS=$'\t' read -r id host status task name; do
    [ -n "$id" ] || continue
    if ! printf '{"os-migrateLive": {"host": null, "block_migration": "auto"}}' |
      admin POST "http://$CONTROLLER:8774/v2.1/servers/$id/action" 'OpenStack-API-Version: compute 2.30' >/dev/null; then
      echo "the machine $name on $1 cannot be moved away"
      return 1
    fi
    sleep 2
    while :; do
      status=$(machines_on "$1" | pick "$id" 4) || return 1
      # The machine has left the node, or is still there and nothing moves it any more.
      [ -n "$status" ] || break
      clock
      if [ "$status" = None ] || [ "$CLOCK" -ge "$until" ]; then
        echo "the machine $name did not move away from $1"
        return 1
      fi
      sleep 2
    done
    echo "the machine $name has moved away from $1"
  done <<<"$rows"
}
