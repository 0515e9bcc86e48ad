"""collect.py ROOT DIR PROGRAM...: copy programs of one root into a small one, with the libraries they load."""

import os
import shutil
import subprocess
import sys


def libraries(root, program):
    """What the dynamic loader of that root would map, asked inside of it."""
    done = subprocess.run(["chroot", root, "/usr/bin/ldd", program], capture_output=True, text=True)
    found = []
    for line in done.stdout.splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path:
            found.append(path)
    return found


def copy(root, to, path):
    """One file under its own path; links are followed, so names and contents stay right."""
    target = to + path
    if os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(resolve(root, path), target)


def resolve(root, path):
    """Follow symbolic links as if `root` were /."""
    for _ in range(20):
        full = root + path
        head, tail = os.path.split(path)
        if os.path.islink(root + head) and head != "/":
            link = os.readlink(root + head)
            path = os.path.normpath(os.path.join(os.path.dirname(head), link, tail))
        elif os.path.islink(full):
            path = os.path.normpath(os.path.join(head, os.readlink(full)))
        else:
            return full
    raise SystemExit(f"too many links at {path}")


def main():
    root, to, programs = sys.argv[1], sys.argv[2], sys.argv[3:]
    wanted = set(programs)
    for program in programs:
        wanted.update(libraries(root, program))
    # Loaded by name at run time, so ldd does not know it.
    wanted.update(p for p in ("/lib/x86_64-linux-gnu/libnss_files.so.2", "/lib/x86_64-linux-gnu/libnss_dns.so.2",
                              "/lib/x86_64-linux-gnu/libgcc_s.so.1") if os.path.exists(root + "/usr" + p))
    for path in sorted(wanted):
        copy(root, to, path)


if __name__ == "__main__":
    main()
