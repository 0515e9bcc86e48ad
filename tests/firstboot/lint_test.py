"""The scripts as text: they must run on the bash 4.1 and the tools of EL6."""

import re
import shutil
import subprocess

from harness import Skipped, equal, holds, test
from world import TEMPLATES, assembled, data_of

ONE = assembled("allinone")
DIABLO = assembled("diablo")

SCRIPTS = sorted(
    [TEMPLATES / n for n in ("install", "rackstart-firstboot", "rackstart-firstboot.init")]
    + list(TEMPLATES.rglob("*.sh"))
    # The set that `essex` has not.
    + [script for script in ONE.rglob("*.sh") if "iscsi" in script.name or "lun" in script.name or "06-store-controller" in script.parts]
    + [script for script in DIABLO.rglob("*.sh") if not any((other / script.relative_to(DIABLO)).exists()
       and (other / script.relative_to(DIABLO)).read_text() == script.read_text() for other in (TEMPLATES, ONE))]
)


def place(script):
    return script.relative_to(next(folder for folder in (ONE, DIABLO, TEMPLATES) if folder in script.parents))


# What bash 4.1, coreutils 8.4, util-linux 2.17 and curl 7.19 lack.
TOO_NEW = {
    r"\b(declare|local|typeset) -[a-zA-Z]*n\b": "name references (4.3)",
    r"\b(declare|typeset) -[a-zA-Z]*g\b": "declare -g (4.2)",
    r"\$\{[^}]*@[QEPAaKUuLk]\}": "parameter transformation (4.4)",
    r"printf [^|;]*%\([^)]*\)T": "printf %()T (4.2)",
    r"\bwait -n\b": "wait -n (4.3)",
    r"\$\{\w+\[-\d+\]\}": "negative index (4.3)",
    r"\$\{\w+:[^}:$-]*:\s*-\d": "negative length (4.2)",
    r"\[\[? -v ": "test -v (4.2)",
    r"\b(mapfile|readarray) -d\b": "mapfile -d (4.4)",
    r"\bEPOCH(SECONDS|REALTIME)\b|\bSRANDOM\b|\bBASH_ARGV0\b": "variables of bash 5",
    r"shopt -s (lastpipe|inherit_errexit|globasciiranges)": "options after 4.1",
    r"\btimeout (-k|--kill-after|--foreground|-s \w+ -k)": "timeout -k (coreutils 8.5)",
    r"\brealpath\b": "realpath (coreutils 8.15)",
    r"\bsync -[fd]\b|\bsync \"?[$/]": "sync FILE (coreutils 8.24)",
    r"\bdd\b.*status=": "dd status= (coreutils 8.20/8.24)",
    r"\bflock\b.*(-E|--timeout|-w)\b": "flock -E (2.22), and -w is not used",
    r"\bsed\b.* -z\b": "sed -z (4.2.2)",
    r"\b(jq|python3|perl|lsblk|findmnt|mountpoint|systemctl|ss|gensub|strftime)\b(?! (enable|would))": "not in EL6 @core, or not in every awk",
    r"(?<![-\w])python (?!-c '$|-c 'import sys; compile)": "python for other things than lib/openstack.sh's",
    r"curl.*(--fail-with-body|--retry-connrefused|--json)": "curl after 7.19",
}


def code_lines():
    for script in SCRIPTS:
        for number, line in enumerate(script.read_text().splitlines(), 1):
            if not line.lstrip().startswith("#"):
                yield place(script), number, line


@test
def every_script_parses():
    for script in SCRIPTS:
        done = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
        equal((script.name, done.returncode, done.stderr), (script.name, 0, ""))


@test
def shellcheck_finds_nothing():
    if not shutil.which("shellcheck"):
        raise Skipped("shellcheck is not installed: apt-get install shellcheck")
    # The values of `env` and the libraries come from files named at run time
    # (1090, 1091, 2154); libraries set what others read (2034); STEP and step
    # are different things (2153).
    done = subprocess.run(
        ["shellcheck", "-s", "bash", "-e", "SC1090,SC1091,SC2154,SC2034,SC2153", *SCRIPTS],
        capture_output=True, text=True,
    )
    equal(done.stdout, "")


@test
def nothing_newer_than_el6_is_used():
    found = [
        f"{script}:{number}: {why}: {line.strip()}"
        for script, number, line in code_lines()
        for pattern, why in TOO_NEW.items()
        if re.search(pattern, line)
    ]
    equal(found, [])


@test
def every_variable_of_the_environment_is_in_the_readme_and_used():
    facts = re.findall(r"^([A-Z_]+)=\{\{ (\w+) \| sh \}\}$", (TEMPLATES / "env.j2").read_text(), flags=re.M)
    equal([name.lower() for name, _ in facts], [value for _, value in facts])
    readme = (TEMPLATES / "README.md").read_text()
    code = "\n".join(line for _, _, line in code_lines())
    data = data_of("essex")
    # Those that rackstart itself reads, and words of the table of ports, by which the packet filter finds them.
    files = {image["file"] for image in data["tree_image"]}
    more = {name.lower() for name in {*data["variables"], *data["nodes"], *data["keepsake"]}} - files
    names = [value for _, value in facts] + sorted(more)
    equal([name for name in names if f"`{name}`" not in readme], [])
    equal([name for name in names if not re.search(rf"\$\{{?{name.upper()}\b", code)], [])


def steps_in_order():
    """As steps/order has them: a group stands for those of its steps that it does not name."""
    folder, found = TEMPLATES / "steps", []
    for line in (folder / "order").read_text().splitlines():
        if line and not line.startswith("#"):
            found += [folder / f"{line}.sh"] if "/" in line else sorted((folder / line).glob("*.sh"))
    return found


@test
def two_functions_never_have_the_same_name():
    names = [
        name for script in SCRIPTS if "steps" not in script.parts and script.name != "rackstart-firstboot.init"
        # Where `diablo` says what is different, in a file of its own that comes later.
        and script.name != "release-2011.sh"
        for name in re.findall(r"^(\w+)\(\) \{", script.read_text(), flags=re.M)
    ]
    equal(sorted(n for n in set(names) if names.count(n) > 1 and n not in ("say", "die")), [])


@test
def every_step_defines_what_the_runner_calls():
    steps = sorted((TEMPLATES / "steps").rglob("*.sh"))
    equal(len(steps), len(set(steps_in_order())))
    for step in steps:
        text = step.read_text()
        for function in ("check", "apply", "verify"):
            equal((step.name, f"\n{function}() {{" in text), (step.name, True))
        equal(bool(re.match(r"\d\d-[a-z0-9]+-[a-z0-9-]+/\d\d-[a-z0-9-]+\.sh$", str(step.relative_to(TEMPLATES / "steps")))), True)


@test
def what_a_record_or_a_file_gets_was_got_before():
    """A failing command inside an argument ends no step: its empty output would be taken for the real value."""
    fallible = r"(machine|volume|in_machine|nova_cli|spelled|was_on|address_on)"
    found = [f"{script}:{number}: {line.strip()}" for script, number, line in code_lines() if re.search(rf"\b(saw|setting|set_nova) .*\$\({fallible}\b", line)]
    equal(found, [])


@test
def a_volume_is_never_created_by_force():
    equal([line for _, _, line in code_lines() if "volume create" in line and "force" in line], [])


@test
def what_a_step_installs_stands_in_one_line_that_rackstart_reads_too():
    """`src/render/packages.rs` reads these lines, and nothing else, of a step."""
    for script in SCRIPTS:
        text, name = script.read_text(), str(place(script))
        lines = re.findall(r"^ *(packages(?:_el7)?)=(.*)$", text, flags=re.M)
        if "steps" not in script.parts:
            equal((name, lines), (name, []))
            continue
        installs = re.search(r"\b(install_packages|yum [^|]*install|firewall_apply)\b", text)
        equal((name, bool(lines)), (name, bool(installs) or name.endswith("/01-epel-add-repo.sh")))
        for which, value in lines:
            if not name.endswith("/01-epel-add-repo.sh"):
                holds(re.search(rf'^{which}="[a-z][A-Za-z0-9 +._-]*"$', text, flags=re.M), f"{name}: {which}={value}")
    calls = sorted(
        (str(script), line.strip()) for script, _, line in code_lines() if re.search(r"\byum (-\S+ )*install\b", line)
    )
    equal([line for _, line in calls if not re.search(r"install \$packages(_el7)?$", line)], [])
