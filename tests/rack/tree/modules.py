"""modules.py LIST MODULES-DIR (--order SET DIR | --copy SETS DIR): kernel modules with what they need.

--order copies one set flat into DIR and writes DIR/order, the order to insmod them in.
--copy keeps the directory layout, for depmod and modprobe.
"""

import os
import re
import shutil
import sys


def wanted(path, sets):
    """Names listed for the given sets."""
    names = []
    with open(path) as listing:
        for line in listing:
            words = line.split()
            if words and words[0] in sets:
                names += words[1:]
    return names


def index(directory):
    """Module name (underscores) -> path."""
    found = {}
    for place, _, files in os.walk(directory):
        for name in files:
            if name.endswith(".ko"):
                found[name[:-3].replace("-", "_")] = os.path.join(place, name)
    return found


def needs(path):
    """The modules that one module file says it depends on."""
    with open(path, "rb") as module:
        match = re.search(rb"\0depends=([^\0]*)\0", module.read())
    return [n.replace("-", "_") for n in match.group(1).decode().split(",") if n] if match else []


def soft(name):
    """Needs that are not in the file: what crypto and checksums are asked for by name at run time."""
    return {"xfs": ["libcrc32c", "crc32c_generic"], "dm_mod": [], "libcrc32c": ["crc32c_generic"]}.get(name, [])


def closure(names, found):
    """Depth first, so that every module comes after what it needs."""
    order = []

    def add(name):
        name = name.replace("-", "_")
        if name in order or name not in found:
            return
        for other in soft(name) + needs(found[name]):
            add(other)
        if name not in order:
            order.append(name)

    for name in names:
        if name.replace("-", "_") not in found:
            print(f"module {name} is built in or not in this kernel", file=sys.stderr)
        add(name)
    return order


def main():
    listing, directory, how, sets, to = sys.argv[1:]
    found = index(directory)
    order = closure(wanted(listing, sets.split(",")), found)
    os.makedirs(to, exist_ok=True)
    for name in order:
        source = found[name]
        target = os.path.join(to, os.path.relpath(source, directory) if how == "--copy" else os.path.basename(source))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
    if how == "--order":
        with open(os.path.join(to, "order"), "w") as file:
            file.writelines(os.path.basename(found[name]) + "\n" for name in order)
    else:
        for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
            source = os.path.join(directory, name)
            if os.path.exists(source):
                shutil.copyfile(source, os.path.join(to, name))


if __name__ == "__main__":
    main()
