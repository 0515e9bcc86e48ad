# shellcheck shell=bash
# The paper makes a random token here, another one at each run, in a file that
# everybody can read. Here the server has made it, once for the site, and this
# step checks that the node has it.

check() {
  has_secrets KEYSTONE_ADMIN_TOKEN
}

apply() {
  has_secrets KEYSTONE_ADMIN_TOKEN
}

verify() {
  check
}
