"""Reads settings as the programs of the cloud do, so that a test compares what
a program would get, not how a file is spelled."""

import re
import urllib.parse


def sections(path):
    """`{section: {key: raw value}}`; the last of several values counts."""
    found, values, key = {}, None, None
    for line in path.read_bytes().decode("utf-8").splitlines():
        if line.startswith("["):
            values, key = found.setdefault(line[1 : line.index("]")], {}), None
        elif not line.strip() or line[0] in "#;":
            continue
        elif line[0].isspace():
            if key is not None:
                values[key] += "\n" + line.strip()
        elif values is not None:
            key, value = re.split(r"\s*[=:]", line, maxsplit=1)
            values[key] = value.strip()
    return found


def oslo(path, section, key):
    """As OpenStack's own parser of that time: quotes come off, `$name` is another option."""
    value = sections(path).get(section, {}).get(key)
    if value and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value and re.sub(r"\$(\$|\w+)", lambda m: "$" if m[1] == "$" else f"<option {m[1]}>", value)


def paste(path, section, key):
    """As Python 2's ConfigParser: a comment after a blank, `%` only where `%(` is."""
    value = sections(path).get(section, {}).get(key)
    if value is None:
        return None
    at = value.find(";")
    if at > 0 and value[at - 1].isspace():
        value = value[:at].strip()
    return value.replace("%%", "%") if "%(" in value else value


def python(path, name):
    """A setting of a file of Python 2, whose strings are bytes."""
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    value = scope.get(name)
    return value.encode("latin-1").decode("utf-8") if isinstance(value, str) else value


def plain(path, key):
    """A file of `key = value` lines, perhaps quoted: libvirtd.conf, sysconfig."""
    value = None
    for line in path.read_text().splitlines():
        name, is_setting, text = line.partition("=")
        if is_setting and name.strip() == key:
            value = text.strip()
    return value


def connection(url):
    """(user, password, host, database) of an SQLAlchemy URL."""
    user, password, host, name = re.fullmatch(r"mysql://([^:/]*):([^/]*)@([^:/@]*)/(\w+)", url).groups()
    return urllib.parse.unquote_plus(user), urllib.parse.unquote_plus(password), host, name
