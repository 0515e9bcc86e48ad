# shellcheck shell=bash
# EL9 serves Keystone and Placement by httpd; Debian by uwsgi, each as a service of its own.
# Not run yet: the places of RDO's files are from its package sources.

# wsgi_file NAME: prints the path where httpd looks for it.
wsgi_file() {
  case $1 in
    keystone) echo /etc/httpd/conf.d/wsgi-keystone.conf ;;
    placement) echo /etc/httpd/conf.d/00-placement-api.conf ;;
  esac
}

wsgi_holds() {
  ! is_debian || return 0
  case $1 in
    keystone) [ -e "$ROOT$(wsgi_file keystone)" ] ;;
    # The package's configuration admits nobody.
    placement) grep -qs 'Require all granted' "$ROOT$(wsgi_file placement)" ;;
  esac
}

wsgi_site() {
  local file
  ! wsgi_holds "$1" || return 0
  file=$ROOT$(wsgi_file "$1")
  case $1 in
    keystone) ln -sfn /usr/share/keystone/wsgi-keystone.conf "$file" ;;
    placement)
      { cat "$file" && printf '<Directory /usr/bin>\n  Require all granted\n</Directory>\n'; } | write_file "$file" keep
      ;;
  esac
}
