# shellcheck shell=bash
# Installs and configures the dashboard, Horizon, on the gateway, where people reach it from outside; and the way
# through the gateway to the consoles of machines.
packages="openstack-dashboard httpd"

settings_file=/etc/openstack-dashboard/local_settings.d/_9999_rackstart.py
consoles=$(file_of consoles-httpd)
sessions=/var/lib/openstack-dashboard/rackstart-cache

# Sessions are in files, because the tokens and catalogs in them are too much for a cookie. Which names people have for
# this node is not known here.
wanted() {
  cat <<PYTHON
# Written by rackstart-firstboot.
DEBUG = False
ALLOWED_HOSTS = ['*']
SECRET_KEY = $(python_string "$DASHBOARD_SECRET_KEY")
OPENSTACK_HOST = $(python_string "$CONTROLLER")
OPENSTACK_KEYSTONE_URL = $(python_string "http://$CONTROLLER:5000/v3")
OPENSTACK_KEYSTONE_DEFAULT_ROLE = 'member'
OPENSTACK_API_VERSIONS = {'identity': 3, 'image': 2, 'volume': 3}
SESSION_ENGINE = 'django.contrib.sessions.backends.cache'
CACHES = {'default': {
    'BACKEND': 'django.core.cache.backends.filebased.FileBasedCache',
    'LOCATION': '$sessions',
    'OPTIONS': {'MAX_ENTRIES': 10000},
}}
PYTHON
}

# What Horizon imports cannot be loaded into a second interpreter of one process. A browser says whose page has opened
# its connection, and Nova's proxy compares that with the name it was asked by.
wanted_consoles() {
  cat <<CONFIG
# Written by rackstart-firstboot.
WSGIApplicationGroup %{GLOBAL}
Listen 6080
<VirtualHost *:6080>
  ProxyPreserveHost On
  ProxyTimeout 3600
  ProxyPass "/" "http://$CONTROLLER:6080/" upgrade=websocket
</VirtualHost>
CONFIG
}

proxies() {
  ! is_debian || [ -e "$ROOT/etc/apache2/mods-enabled/proxy_http.load" ]
}

# Debian's package of the dashboard turns on a site with TLS and not the module that it needs; Apache does not start
# then.
starts() {
  ! is_debian || [ ! -e "$ROOT/etc/apache2/sites-enabled/default-ssl.conf" ] || [ -e "$ROOT/etc/apache2/mods-enabled/ssl.load" ]
}

# network_allowed: SELinux lets the web server reach Keystone and the consoles.
network_allowed() {
  ! have getsebool selinuxenabled || ! selinuxenabled ||
    [ "$(getsebool httpd_can_network_connect)" = "httpd_can_network_connect --> on" ]
}

check() {
  has_secrets DASHBOARD_SECRET_KEY
  packages_installed
  wanted | file_is "$ROOT$settings_file"
  owned "$settings_file" "root:$(own_names account apache)" 640
  wanted_consoles | file_is "$ROOT$consoles"
  owned "$sessions" "$(own_names account apache):$(own_names account apache)" 700
  proxies
  starts
  network_allowed
}

apply() {
  has_secrets DASHBOARD_SECRET_KEY
  install_packages
  wanted | file_is "$ROOT$settings_file" || wanted | write_file "$ROOT$settings_file" 0600
  readable_by "$(own_names account apache)" "$settings_file"
  wanted_consoles | write_file "$ROOT$consoles" 0644
  mkdir -p "$ROOT$sessions"
  own "$sessions" "$(own_names account apache):$(own_names account apache)" 700
  proxies || a2enmod -q proxy proxy_http
  starts || a2dissite -q default-ssl
  network_allowed || setsebool -P httpd_can_network_connect on
}

# Django's own check of the settings.
verify() {
  check
  as_account "$(own_names account apache)" timeout 120 python3 /usr/share/openstack-dashboard/manage.py check >/dev/null
}
