# shellcheck shell=bash
# Installs Glance, after the file system of its images is mounted: what the
# package puts there must not vanish below a later mount.
packages="openstack-glance"
images=/var/lib/glance/images

needs() {
  ! has_own_disk || need "$images to be mounted" images_mounted
}

# A site may keep the images on the root disk.
has_own_disk() {
  [ -n "$(fstab_lines "$images")" ]
}

images_mounted() {
  mounted "$images" || mount "$images" || :
  mounted "$images"
}

check() {
  ! has_own_disk || mounted "$images"
  packages_installed
}

apply() {
  install_packages
}

verify() {
  packages_arrived
}
