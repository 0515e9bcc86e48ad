# shellcheck shell=bash
# Starts RabbitMQ, the message queue, with one account. Its tools take a password only on their command line, so the
# account is in its configuration, which it reads when its database is new. Nova makes no queue that outlives its
# services, so a database with another password is begun again.
packages="rabbitmq-server python-amqplib"
verify_seconds=120
watched=yes

config=/etc/rabbitmq/rabbitmq.config
database=/var/lib/rabbitmq/mnesia
# What the present database was begun with.
begun=$STATE/rabbit-account

configuration() {
  printf '%% Written by rackstart-firstboot.\n[{rabbit, [{default_user, <<"%s">>}, {default_pass, <<"%s">>}]}].\n' \
    "$(rabbit_user)" "$(backslashed "$RABBIT_PASSWORD")"
}

mark() {
  configuration | sha256sum | cut -c 1-16
}

check() {
  has_secrets RABBIT_PASSWORD
  packages_installed
  configuration | file_is "$ROOT$config"
  served rabbitmq-server "$config"
  [ "$(cat "$begun" 2>/dev/null)" = "$(mark)" ]
}

apply() {
  has_secrets RABBIT_PASSWORD
  install_packages
  configuration | file_is "$ROOT$config" || configuration | write_file "$ROOT$config" 0640
  own "$config" root:rabbitmq 640
  if [ "$(cat "$begun" 2>/dev/null)" != "$(mark)" ]; then
    ! service_running rabbitmq-server || service rabbitmq-server stop
    rm -rf "$ROOT$database" "$STATE/served/rabbitmq-server"
    serve rabbitmq-server "$config"
    mark | write_file "$begun" 0600
  fi
  serve rabbitmq-server "$config"
}

verify() {
  packages_arrived
  check
  queue_lets_in
}
