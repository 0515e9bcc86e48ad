"""Fetching and reading the kickstart in Anaconda's order: fetch, %pre, then everything else."""

import os
import time

from pykickstart.parser import KickstartParser, Script
from pykickstart.sections import NullSection, PreScriptSection
from pykickstart.version import makeVersion

from standin.console import Stop, run, say


def arguments():
    """The kernel command line as a dict; `inst.ks=` and `ks=` are the same key, flags are True."""
    found = {}
    with open("/proc/cmdline") as cmdline:
        for word in cmdline.read().split():
            key, sign, value = word.partition("=")
            found[key.removeprefix("inst.")] = value if sign else True
    return found


def provisioning_headers(args, major):
    """What Anaconda tells the server about itself; the MAC and serial headers only when asked for."""
    headers = ["X-Anaconda-Architecture: x86_64", "X-Anaconda-System-Release: CentOS"]
    if "kssendmac" in args or "ks.sendmac" in args:
        nics = sorted(name for name in os.listdir("/sys/class/net") if name != "lo")
        for number, name in enumerate(nics):
            with open(f"/sys/class/net/{name}/address") as address:
                headers.append(f"X-RHN-Provisioning-MAC-{number}: {name} {address.read().strip()}")
    if "kssendsn" in args or "ks.sendsn" in args:
        with open("/sys/class/dmi/id/product_serial") as serial:
            headers.append(f"X-System-Serial-Number: {serial.read().strip()}")
    headers.append("User-Agent: anaconda/13.21.263" if major == 6 else "User-Agent: anaconda (stand-in)")
    return headers


def fetch(url, headers, to):
    """Download the kickstart. EL6 tries a few times and then asks a person for another place."""
    command = ["curl", "-sS", "-f", "-m", "30", "-o", to]
    for header in headers:
        command += ["-H", header]
    for attempt in range(1, 6):
        try:
            run(*command, url)
            return
        except Stop as error:
            say(f"kickstart, try {attempt} of 5: {error}")
            time.sleep(3)
    raise Stop(f"unable to download the kickstart file {url}")


def handler_for(major):
    """The command set of one release, as pykickstart models it."""
    return makeVersion(f"RHEL{major}")


class PreParser(KickstartParser):
    """Reads only the %pre sections; every command waits for the second reading."""

    def handleCommand(self, lineno, args):
        pass

    def setupSections(self):
        self._sections = {}
        self.registerSection(PreScriptSection(self.handler, dataObj=Script))
        for name in ("%pre-install", "%post", "%onerror", "%traceback", "%packages", "%addon", "%certificate"):
            self.registerSection(NullSection(self.handler, sectionOpen=name))


def pre_scripts(path, major):
    """The %pre scripts, without judging anything else: an %include need not exist yet."""
    handler = handler_for(major)
    PreParser(handler, missingIncludeIsFatal=False).readKickstart(path)
    return handler.scripts


def parse(path, release):
    """The whole kickstart, includes too. On EL6 an unknown section is fatal, whatever pykickstart says."""
    major = release[0]
    with open(path) as text:
        lines = text.read().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        words = line.split()
        if major == 6 and words and words[0] in ("%onerror", "%pre-install", "%addon", "%certificate"):
            raise Stop(f"kickstart line {number}: {words[0]} is not known to EL6")
        if release < (6, 4) and words:
            lines[number - 1] = _as_in_6_3(number, line, words)
    if release < (6, 4):
        path += ".6.3"
        with open(path, "w") as text:
            text.writelines(lines)
    handler = handler_for(major)
    KickstartParser(handler).readKickstart(path)
    return handler


def _as_in_6_3(number, line, words):
    """pykickstart knows EL6 as it was at its end. What 6.3 and older wanted otherwise is judged here."""
    if words[0] == "unsupported_hardware":
        raise Stop(f"kickstart line {number}: unknown command: unsupported_hardware")
    if words[0] == "volgroup" and "--useexisting" in words:
        members = [word for word in words[2:] if not word.startswith("-")]
        if not members:
            raise Stop(f"kickstart line {number}: volgroup must be given a list of partitions")
        # From 6.4 on a list is an error here; the parser is that of 6.10.
        return " ".join(word for word in words if word not in members) + "\n"
    return line
