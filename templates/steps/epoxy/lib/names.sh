# shellcheck shell=bash
# What EL9 (RDO) and Debian 13 call the same thing; lib/platform.sh says how the table is read. Both have OpenStack
# 2025.1.

names_epoxy() {
  cat <<'TABLE'
package  mariadb-server                      =  mariadb-server
package  python3-PyMySQL                     =  python3-pymysql
package  rabbitmq-server                     =  rabbitmq-server
package  memcached                           =  memcached
package  python3-memcached                   =  python3-memcache
package  httpd                               =  -
package  python3-mod_wsgi                    =  -
package  openstack-selinux                   =  -
package  openstack-keystone                  =  keystone
package  openstack-glance                    =  glance-api
package  openstack-placement-api             =  placement-api
package  openstack-nova-api                  =  nova-api
package  openstack-nova-conductor            =  nova-conductor
package  openstack-nova-scheduler            =  nova-scheduler
package  openstack-nova-novncproxy           =  nova-consoleproxy
package  openstack-nova-compute              =  nova-compute,nova-compute-qemu
package  openstack-neutron                   =  neutron-api,neutron-rpc-server
package  openstack-neutron-ml2               =  -
package  openstack-neutron-openvswitch       =  neutron-openvswitch-agent
package  neutron-dhcp-metadata-agents        openstack-neutron  neutron-dhcp-agent,neutron-metadata-agent
package  neutron-l3-agent                    openstack-neutron  neutron-l3-agent
package  openvswitch                         =  openvswitch-switch
package  openstack-cinder                    =  cinder-api,cinder-scheduler,cinder-volume
package  lvm2                                =  lvm2
package  targetcli                           =  targetcli-fb
package  iscsi-initiator-utils               =  open-iscsi
package  ceph-common                         =  ceph-common
package  python3-rbd                         =  python3-rbd
package  qemu-kvm-block-rbd                  =  qemu-block-extra
package  openstack-dashboard                 =  openstack-dashboard-apache
package  libvirt                             =  libvirt-daemon-system,libvirt-clients
package  qemu-kvm                            =  qemu-system-x86,qemu-utils

service  keystone             httpd                     keystone
service  glance-api           openstack-glance-api      glance-api
service  placement-api        httpd                     placement-api
service  nova-api             openstack-nova-api        nova-api
service  nova-metadata        -                         nova-api-metadata
service  nova-conductor       openstack-nova-conductor  nova-conductor
service  nova-scheduler       openstack-nova-scheduler  nova-scheduler
service  nova-novncproxy      openstack-nova-novncproxy  nova-novncproxy
service  nova-compute         openstack-nova-compute    nova-compute
service  neutron-server       =                         neutron-rpc-server,neutron-api
service  openvswitch          =                         openvswitch-switch
service  cinder-api           openstack-cinder-api      cinder-api
service  cinder-scheduler     openstack-cinder-scheduler  cinder-scheduler
service  cinder-volume        openstack-cinder-volume   cinder-volume
service  httpd                =                         apache2
service  target               =                         -

account  apache               apache                    www-data
account  qemu                 nova                      nova

file     mariadb.conf         /etc/my.cnf.d/rackstart.cnf    /etc/mysql/mariadb.conf.d/90-rackstart.cnf
file     memcached.conf       /etc/sysconfig/memcached       /etc/memcached.conf
file     nova-consoleproxy    -                              /etc/default/nova-consoleproxy
file     consoles-httpd       /etc/httpd/conf.d/rackstart-consoles.conf  /etc/apache2/sites-enabled/rackstart-consoles.conf
file     keystone-uwsgi       -                              /etc/keystone/keystone-uwsgi.ini
file     glance-uwsgi         -                              /etc/glance/glance-api-uwsgi.ini
file     placement-uwsgi      -                              /etc/placement/placement-api-uwsgi.ini
file     nova-uwsgi           -                              /etc/nova/nova-api-uwsgi.ini
file     metadata-uwsgi       -                              /etc/nova/nova-api-metadata-uwsgi.ini
file     cinder-uwsgi         -                              /etc/cinder/cinder-api-uwsgi.ini
file     neutron-uwsgi        -                              /etc/neutron/neutron-api-uwsgi.ini

daemon   virtlogd   /run/virtlogd.pid  /usr/sbin/virtlogd --daemon --pid-file /run/virtlogd.pid
daemon   libvirtd   /run/libvirtd.pid  /usr/sbin/libvirtd --daemon --listen --pid-file /run/libvirtd.pid
TABLE
}
