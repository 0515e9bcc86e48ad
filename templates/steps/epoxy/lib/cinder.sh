# shellcheck shell=bash
# Cinder's settings, and the site's own Ceph, where it has one.

CINDER_CONF=/etc/cinder/cinder.conf
CEPH_CONF=/etc/ceph/ceph.conf
CEPH_KEYRING=/etc/ceph/ceph.client.$CEPH_USER.keyring
# The name by which libvirt of every compute node knows the key of Ceph.
CEPH_SECRET=4b1f0f6e-2f0b-5d3c-9a57-5e0c2d5b7a41

# cinder_backend: prints the name of the backend, which is a section of cinder.conf.
cinder_backend() {
  if [ -n "$CEPH_MONITORS" ]; then echo ceph; else echo lvm; fi
}

cinder_settings() {
  local backend
  backend=$(cinder_backend)
  setting "$CINDER_CONF" DEFAULT transport_url "$(transport_url)"
  setting "$CINDER_CONF" DEFAULT auth_strategy keystone
  setting "$CINDER_CONF" DEFAULT my_ip "$ADDRESS"
  setting "$CINDER_CONF" DEFAULT state_path /var/lib/cinder
  setting "$CINDER_CONF" DEFAULT log_dir /var/log/cinder
  setting "$CINDER_CONF" DEFAULT rootwrap_config /etc/cinder/rootwrap.conf
  setting "$CINDER_CONF" DEFAULT glance_api_servers "http://$CONTROLLER:9292"
  setting "$CINDER_CONF" DEFAULT osapi_volume_workers "${API_PROCESSES:-4}"
  setting "$CINDER_CONF" DEFAULT enabled_backends "$backend"
  setting "$CINDER_CONF" database connection "$(database_url cinder cinder "$CINDER_DB_PASSWORD")"
  setting "$CINDER_CONF" oslo_concurrency lock_path /var/lib/cinder/tmp
  setting "$CINDER_CONF" oslo_messaging_notifications driver noop
  token_settings "$CINDER_CONF" cinder "$CINDER_SERVICE_PASSWORD"
  account_settings "$CINDER_CONF" service_user cinder "$CINDER_SERVICE_PASSWORD"
  setting "$CINDER_CONF" service_user send_service_user_token true
  # Nova is told when a volume that a machine uses has grown.
  account_settings "$CINDER_CONF" nova nova "$NOVA_SERVICE_PASSWORD"
  setting "$CINDER_CONF" nova region_name "$REGION"
  setting "$CINDER_CONF" "$backend" volume_backend_name "$backend"
  if [ "$backend" = ceph ]; then
    setting "$CINDER_CONF" ceph volume_driver cinder.volume.drivers.rbd.RBDDriver
    setting "$CINDER_CONF" ceph rbd_pool "$CEPH_POOL"
    setting "$CINDER_CONF" ceph rbd_user "$CEPH_USER"
    setting "$CINDER_CONF" ceph rbd_ceph_conf "$CEPH_CONF"
    setting "$CINDER_CONF" ceph rbd_secret_uuid "$CEPH_SECRET"
  else
    setting "$CINDER_CONF" lvm volume_driver cinder.volume.drivers.lvm.LVMVolumeDriver
    setting "$CINDER_CONF" lvm volume_group "$VOLUME_GROUP"
    setting "$CINDER_CONF" lvm target_protocol iscsi
    setting "$CINDER_CONF" lvm target_helper lioadm
    setting "$CINDER_CONF" lvm target_ip_address "$ADDRESS"
  fi
}

# volume_api METHOD PATH
volume_api() {
  admin "$1" "http://$CONTROLLER:8776/v3$2"
}

ceph_config() {
  cat <<CONFIG
# Written by rackstart-firstboot.
[global]
mon_host = $CEPH_MONITORS

[client.$CEPH_USER]
keyring = $CEPH_KEYRING
CONFIG
}

ceph_keyring() {
  printf '[client.%s]\n\tkey = %s\n' "$CEPH_USER" "$CEPH_KEY"
}
