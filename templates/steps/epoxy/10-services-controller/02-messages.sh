# shellcheck shell=bash
# Starts RabbitMQ, the message queue, with one user.
packages="rabbitmq-server"
verify_seconds=90
check_limit=600
watched=yes

file=/var/lib/rabbitmq/rackstart-definitions.json

# takes_user: true when the queue admits the user with this password, which an AMQP client reads from its
# standard input.
takes_user() {
  printf '%s' "$RABBIT_PASSWORD" | timeout 30 python3 -c '
import sys
import amqp
connection = amqp.Connection(sys.argv[1] + ":5672", userid="openstack", password=sys.stdin.read(), connect_timeout=5)
connection.connect()
connection.close()' "$ADDRESS" 2>/dev/null
}

# definitions: prints the user as RabbitMQ keeps it, with a salted hash, because every tool of RabbitMQ takes a
# password only on its command line.
definitions() {
  printf '%s' "$RABBIT_PASSWORD" | python3 -c '
import base64, hashlib, json, os, sys
salt = os.urandom(4)
hashed = base64.b64encode(salt + hashlib.sha256(salt + sys.stdin.buffer.read()).digest()).decode()
user = {"name": "openstack", "password_hash": hashed, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}
rights = {"user": "openstack", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
print(json.dumps({"users": [user], "permissions": [rights]}))'
}

check() {
  has_secrets RABBIT_PASSWORD
  packages_installed
  served rabbitmq-server
  port_open "$NODE" 5672
  # The password is checked when it has changed, not every half minute.
  [ "$(cat "$STATE/rabbit-user" 2>/dev/null)" = "$(password_mark)" ]
}

password_mark() {
  printf '%s' "$RABBIT_PASSWORD" | sha256sum | cut -c 1-16
}

apply() {
  install_packages
  serve rabbitmq-server
  timeout 120 rabbitmqctl -q await_startup
  if ! takes_user; then
    definitions | write_file "$ROOT$file" 0600
    chown rabbitmq "$ROOT$file"
    timeout 60 rabbitmqctl -q import_definitions "$file"
    rm -f "$ROOT$file"
  fi
  # Everybody knows the password of this account.
  ! timeout 60 rabbitmqctl -q list_users | grep -q '^guest[[:space:]]' || timeout 60 rabbitmqctl -q delete_user guest
  password_mark | write_file "$STATE/rabbit-user" 0600
}

verify() {
  check
  takes_user
}
