"""lib/ini.sh and lib/encode.sh: any value arrives as it was, and nothing else changes."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse

import readers
from harness import Skipped, equal, holds, test
from world import MEMORY, TEMPLATES

HOSTILE = [
    "plain", "with space", " blanks ", "100%", "%(here)s", "%%", "%d%s$", "$(reboot)", "`id`", "$home", "$$", "${PATH}",
    "&", "a&b", "\\", "\\n\\\\", "a/b//c", "#comment", "a #b", ";x", "a;b", "'", '"', "''", '""', "'quoted'", '"quoted"',
    "it's", 'say "x"', "*", "?[a-z]", "~", "!x", "a=b:c", "=", "[x]", "user@host:3306/db?x=y&z", "<b>&amp;</b>", "|", "\\1", "&&\\&",
    "пароль", "ü€𝄞", "-n", "-e", "--", "x" * 300,
]


def call(function, *words, folder=None, stdin=b""):
    script = 'set -eu; ROOT=; LC_ALL=C; cd "$0"; for f in encode files ini; do . "$PAYLOAD/lib/$f.sh"; done; "$@"'
    return subprocess.run(
        ["bash", "-c", script, folder or "/", function, *words], input=stdin, capture_output=True,
        env={"PATH": "/usr/bin:/bin", "PAYLOAD": str(TEMPLATES)},
    )


def said(function, *words):
    done = call(function, *words)
    equal((done.returncode, done.stderr), (0, b""))
    return done.stdout.decode()


class File:
    def __init__(self, text, name="some.conf"):
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = pathlib.Path(self.folder.name) / name
        if text is not None:
            self.path.write_text(text)

    def do(self, function, *words, ok=True):
        done = call(function, str(self.path), *words)
        equal((done.returncode == 0, words), (ok, words))
        return done.stdout.decode().removesuffix("\n")

    def becomes(self, text):
        equal(self.path.read_text(), text)
        equal([p.name for p in self.path.parent.iterdir()], ["some.conf"])


FILE = """# A file.
[DEFAULT]
# verbose = False
first = 1
#last = 2

[filter:authtoken]
admin_user=%USER%
admin_user = second

; the end
"""


@test
def a_setting_replaces_its_line_and_leaves_commented_defaults_alone():
    file = File(FILE)
    file.do("ini_set", "DEFAULT", "first", "one")
    file.do("ini_set", "DEFAULT", "verbose", "True")
    file.do("ini_set", "filter:authtoken", "admin_user", "nova")
    file.becomes(
        FILE.replace("first = 1", "first = one").replace("#last = 2\n", "#last = 2\nverbose = True\n")
        .replace("admin_user=%USER%\nadmin_user = second\n", "admin_user = nova\n")
    )


@test
def a_missing_section_or_file_is_made():
    file = File(FILE)
    file.do("ini_set", "sql", "connection", "x")
    file.becomes(FILE + "\n[sql]\nconnection = x\n")
    file = File(None)
    file.do("ini_set", "sql", "connection", "x")
    file.becomes("[sql]\nconnection = x\n")
    equal(oct(file.path.stat().st_mode & 0o777), "0o644")


@test
def a_key_counts_in_its_own_section_only():
    file = File("[a]\nkey = 1\n[ab]\nkey = 2\n[b]\nmy_key = 3\nkey: 4\n")
    equal([file.do("ini_get", s, "key") for s in ("a", "ab", "b", "c")], ["1", "2", "4", ""])
    file.do("ini_set", "b", "key", "5")
    file.do("ini_delete", "a", "key")
    file.do("ini_delete", "nowhere", "key")
    file.becomes("[a]\n[ab]\nkey = 2\n[b]\nmy_key = 3\nkey = 5\n")


@test
def a_continued_value_is_replaced_whole():
    file = File("[p]\npipeline = a b\n  c d\n\te\nnext = 1\n")
    file.do("ini_set", "p", "pipeline", "z")
    file.becomes("[p]\npipeline = z\nnext = 1\n")


@test
def what_is_right_already_is_not_written_again():
    file = File(FILE.replace("first = 1", "first=1"))
    file.path.chmod(0o640)
    before = file.path.stat()
    file.do("ini_set", "DEFAULT", "first", "1")
    file.do("ini_delete", "DEFAULT", "verbose")
    equal((file.path.stat().st_mtime_ns, file.path.stat().st_ino), (before.st_mtime_ns, before.st_ino))
    file.do("ini_set", "DEFAULT", "first", "2")
    holds(file.path.stat().st_ino != before.st_ino, "changed in place: a crash could leave half of it")
    equal(oct(file.path.stat().st_mode & 0o777), "0o640")


@test
def any_value_comes_back_from_a_file_byte_by_byte():
    for value in HOSTILE:
        if value != value.strip():
            continue
        file = File(FILE)
        file.do("ini_set", "DEFAULT", "first", value)
        file.do("ini_set", "new", "key", value)
        equal((file.do("ini_get", "DEFAULT", "first"), file.do("ini_get", "new", "key")), (value, value))
        equal(readers.sections(file.path)["new"]["key"], value)
        file.do("ini_set", "DEFAULT", "first", "1")
        file.do("ini_delete", "new", "key")
        file.becomes(FILE + "\n[new]\n")


@test
def what_a_file_cannot_hold_is_refused():
    for value in ("two\nlines", "tab\t", " x", "x ", "\r"):
        file = File(FILE)
        file.do("ini_set", "DEFAULT", "first", value, ok=False)
        file.becomes(FILE)


# For each reader: a file, a section, and a value that no spelling can express there.
SPELLED = {
    "/etc/nova/nova.conf": ("DEFAULT", lambda v: v != v.strip()),
    "/etc/keystone/keystone.conf": ("DEFAULT", lambda v: v != v.strip() or " ;" in v.partition(";")[0] + ";" or v == '""'),
    "/etc/glance/glance-cache.conf": ("DEFAULT", lambda v: v != v.strip() or " ;" in v.partition(";")[0] + ";" or v == '""'),
    "/etc/nova/api-paste.ini": ("filter:authtoken", lambda v: v != v.strip() or " ;" in v.partition(";")[0] + ";" or v == '""' or "%(" in v),
}
MORE = ["a ;b", "a; b ;c", ";a ;b", "%", "%%(x)s", "50%;", "$x;%(y)s", "${HOME}", "a$", "$$$", "rem x", "[y]"]


@test
def openstack_reads_the_value_that_was_meant_or_is_given_none():
    for target, (section, impossible) in SPELLED.items():
        name = pathlib.PurePath(target).name
        for value in [*HOSTILE, *MORE]:
            done = call("spelled", target, value)
            equal((name, value, done.returncode), (name, value, int(impossible(value))))
            if done.returncode:
                holds(b"choose another value" in done.stderr and not done.stdout, done)
                continue
            file = File(FILE, name)
            file.do("ini_set", section, "key", done.stdout.decode())
            equal((name, readers.setting(file.path, section, "key")), (name, value))


@test
def the_readers_of_the_tests_read_as_python_2_does():
    """The real ConfigParser, with the interpolation that Keystone, Glance and paste.deploy ask for."""
    script = r"""
import ConfigParser, json, sys
out = {}
for name in ("raw", "safe", "loop"):
    parser = ConfigParser.SafeConfigParser() if name == "safe" else ConfigParser.ConfigParser()
    parser.read(sys.argv[1])
    out[name] = []
    for number in range(int(sys.argv[2])):
        try:
            out[name].append(parser.get("s", "k%d" % number, raw=name == "raw"))
        except Exception as error:
            out[name].append(None)
print(json.dumps(out))
"""
    python = next((p for p in ("python2.7", "python2", *sorted(map(str, pathlib.Path.home().glob(".pyenv/versions/2.7*/bin/python"))))
                   if shutil.which(p) and subprocess.run([p, "-c", "import ConfigParser"], capture_output=True).returncode == 0), None)
    if not python:
        raise Skipped("there is no Python 2.7 here")
    values = [v for v in [*HOSTILE, *MORE] if v == v.strip()]
    file = File("[s]\n" + "".join(f"k{n} = {value}\n" for n, value in enumerate(values)), "some-paste.ini")
    done = subprocess.run([python, "-c", script, file.path, str(len(values))], capture_output=True, text=True, check=True, timeout=60)
    found, mine = json.loads(done.stdout), readers.config_parser(file.path)["s"]

    def ours(mean):
        for number in range(len(values)):
            try:
                yield mean(mine[f"k{number}"])
            except readers.Unreadable:
                yield None

    equal(found["raw"], list(ours(str)))
    equal(found["safe"], list(ours(readers.safe_interpolated)))
    equal(found["loop"], list(ours(readers.loop_interpolated)))


@test
def a_password_survives_a_database_url_inside_an_openstack_file():
    for value in HOSTILE:
        url = f"mysql://nova:{said('url_part', value)}@controller/nova"
        for target in list(SPELLED)[:3]:
            file = File(FILE, pathlib.PurePath(target).name)
            file.do("ini_set", "sql", "connection", said("spelled", target, url))
            equal(readers.connection(readers.setting(file.path, "sql", "connection")), ("nova", value, "controller", "nova"))
        equal(urllib.parse.unquote(said("url_part", value)), value)


@test
def strings_of_python_and_json_mean_the_value():
    for value in HOSTILE:
        text = said("python_string", value)
        holds(text.isascii(), text)
        equal(eval(text).encode("latin-1").decode(), value)
        equal(json.loads(said("quoted", value)), value)


@test
def a_key_of_a_file_without_sections_takes_any_value_too():
    for value in HOSTILE:
        file = File('#user = "root"\nuser = x\nlast = 1\n')
        file.do("set_key", "user", value)
        file.becomes(f'#user = "root"\nuser = {value}\nlast = 1\n')
