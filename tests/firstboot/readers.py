"""Reads settings as the programs of the cloud do, so that a test compares what a program would get, not how a
file is spelled. No reader of Essex removes quotes.

README.md of this folder says which program reads which file, with the source."""

import re
import urllib.parse


class Unreadable(Exception):
    """The program's error where it cannot get the value."""


def iniparser(path):
    """`{section: {key: value}}` as Nova's own parser has it; the last of several values counts."""
    found, section, key = {}, None, None
    text = path.read_bytes().decode("utf-8")
    if "\n--" in text:
        return {"DEFAULT": flagfile(text)}
    for line in text.split("\n"):
        line = line.rstrip()
        if not line:
            key = None
        elif line[0] in " \t":
            if key is None:
                raise Unreadable(f"Unexpected continuation line: {line!r}")
            found[section][key] += "\n" + line.lstrip()
        elif line[0] == "[":
            if line[-1] != "]":
                raise Unreadable(f"Invalid section: {line!r}")
            section, key = line[1:-1], None
            found.setdefault(section, {})
        elif line[0] not in "#;":
            at = min((i for i in (line.find(":"), line.find("=")) if i >= 0), default=-1)
            if at < 0 or section is None:
                raise Unreadable(f"No ':' or '=' found in assignment: {line!r}")
            key = line[:at].strip()
            found[section][key] = line[at + 1 :].strip()
    return found


def flagfile(text):
    """The flag file of Nova 2011.3, by python-gflags: a line `--NAME=VALUE` or `--NAME` each; others are no flags."""
    lines = (line.strip() for line in text.split("\n"))
    flags = (line[2:].partition("=") for line in lines if line.startswith("--"))
    return {name: value if sign else "true" for name, sign, value in flags}


def config_parser(path):
    """Parses as Python 2.7's ConfigParser does, uninterpolated, with names of options in small letters."""
    found, values, key = {}, None, None
    for line in path.read_bytes().decode("utf-8").split("\n"):
        if not line.strip() or line[0] in "#;" or re.match(r"[rR][eE][mM]\s", line):
            continue
        if line[0].isspace() and values is not None and key:
            values[key] += "\n" + line.strip()
        elif header := re.match(r"\[([^]]+)\]", line):
            values, key = found.setdefault(header[1], {}), None
        elif values is None:
            raise Unreadable(f"File contains no section headers: {line!r}")
        elif option := re.match(r"([^:=\s][^:=]*)\s*[:=]\s*(.*)$", line):
            key, value = option[1].rstrip().lower(), option[2]
            at = value.find(";")
            if at != -1 and value[at - 1].isspace():
                value = value[:at]
            value = value.strip()
            values[key] = "" if value == '""' else value
        else:
            raise Unreadable(f"File contains parsing errors: {line!r}")
    return found


def substituted(value):
    """Interpolates as cfg does with string.Template: `$$` is a dollar, a name another option."""
    return re.sub(r"\$(?:(\$)|([_a-zA-Z]\w*)|\{([_a-zA-Z]\w*)\})", lambda m: m[1] or f"<option {m[2] or m[3]}>", value, flags=re.A)


def safe_interpolated(value):
    """SafeConfigParser: each `%` has a meaning."""
    out, rest = "", value
    while "%" in rest:
        before, rest = rest.split("%", 1)
        out += before
        if not rest.startswith("%"):
            raise Unreadable(f"InterpolationSyntaxError or another option: %{rest!r}")
        out, rest = out + "%", rest[1:]
    return out + rest


def loop_interpolated(value):
    """ConfigParser: only `%(` has a meaning, and the result is interpolated again."""
    if "%(" in value:
        raise Unreadable(f"InterpolationMissingOptionError, or TypeError: {value!r}")
    return value


def nova(value):
    return substituted(value)


def keystone(value):
    """The program asks for the raw value."""
    return substituted(value)


def glance(value):
    return substituted(safe_interpolated(value))


# For each file: which parser reads it, and how a value is then interpolated.
READERS = {
    r"nova\.conf$": (iniparser, nova),
    r"keystone\.conf$": (config_parser, keystone),
    r"-paste\.ini$": (config_parser, loop_interpolated),
    r"glance-\w+\.conf$": (config_parser, glance),
    r"my\.cnf$": (config_parser, str),
}


def sections(path):
    """What the file's reader finds in it, before anything is done to a value."""
    return reader(path)[0](path)


def reader(path):
    return next((found for pattern, found in READERS.items() if re.search(pattern, path.name)), (iniparser, str))


def setting(path, section, key):
    """What the program that reads this file would get; None means its own default."""
    parse, mean = reader(path)
    value = parse(path).get(section, {}).get(key)
    return value if value is None else mean(value)


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
