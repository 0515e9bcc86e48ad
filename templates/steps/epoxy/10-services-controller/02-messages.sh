# shellcheck shell=bash
# Starts RabbitMQ, the message queue, with one user.
packages="rabbitmq-server"
verify_seconds=90
check_limit=600
watched=yes

# takes_user: the queue knows the user by this password, which goes there by standard input.
takes_user() {
  printf '%s\n' "$RABBIT_PASSWORD" | timeout 60 rabbitmqctl -q authenticate_user openstack >/dev/null 2>&1
}

check() {
  has_secrets RABBIT_PASSWORD
  packages_installed
  served rabbitmq-server
  port_open "$NODE" 5672
  # The password is looked at when it is another one, not every half minute.
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
    if timeout 60 rabbitmqctl -q list_users | grep -q '^openstack[[:space:]]'; then
      printf '%s\n' "$RABBIT_PASSWORD" | timeout 60 rabbitmqctl -q change_password openstack
    else
      printf '%s\n' "$RABBIT_PASSWORD" | timeout 60 rabbitmqctl -q add_user openstack
    fi
  fi
  timeout 60 rabbitmqctl -q set_permissions openstack '.*' '.*' '.*'
  # Anybody knows its password.
  ! timeout 60 rabbitmqctl -q list_users | grep -q '^guest[[:space:]]' || timeout 60 rabbitmqctl -q delete_user guest
  password_mark | write_file "$STATE/rabbit-user" 0600
}

verify() {
  check
  takes_user
}
