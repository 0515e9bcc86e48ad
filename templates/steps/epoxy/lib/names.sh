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
package  openvswitch                         =  openvswitch-switch
package  libvirt                             =  libvirt-daemon-system,libvirt-clients
package  qemu-kvm                            =  qemu-system-x86,qemu-utils

service  keystone             httpd                     keystone
service  glance-api           openstack-glance-api      glance-api
service  placement-api        httpd                     placement-api
service  nova-api             openstack-nova-api        nova-api
service  nova-metadata        -                         nova-api-metadata
service  nova-conductor       openstack-nova-conductor  nova-conductor
service  nova-scheduler       openstack-nova-scheduler  nova-scheduler
service  nova-compute         openstack-nova-compute    nova-compute
service  neutron-server       =                         neutron-rpc-server,neutron-api
service  openvswitch          =                         openvswitch-switch

account  qemu                 nova                      nova

file     mariadb.conf         /etc/my.cnf.d/rackstart.cnf    /etc/mysql/mariadb.conf.d/90-rackstart.cnf
file     memcached.conf       /etc/sysconfig/memcached       /etc/memcached.conf
file     keystone-uwsgi       -                              /etc/keystone/keystone-uwsgi.ini
file     glance-uwsgi         -                              /etc/glance/glance-api-uwsgi.ini
file     placement-uwsgi      -                              /etc/placement/placement-api-uwsgi.ini
file     nova-uwsgi           -                              /etc/nova/nova-api-uwsgi.ini
file     metadata-uwsgi       -                              /etc/nova/nova-api-metadata-uwsgi.ini
file     neutron-uwsgi        -                              /etc/neutron/neutron-api-uwsgi.ini

daemon   virtlogd   /run/virtlogd.pid  /usr/sbin/virtlogd --daemon --pid-file /run/virtlogd.pid
daemon   libvirtd   /run/libvirtd.pid  /usr/sbin/libvirtd --daemon --listen --pid-file /run/libvirtd.pid
TABLE
}
