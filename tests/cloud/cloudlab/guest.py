"""What the virtual machine of the demo boots: Debian's cloud kernel, and a file system in memory of one static program, the modules
of its card and its disk, and `guest/init`."""

import glob
import gzip
import lzma
import os
import pathlib
import shutil

from cloudlab.shell import Failed, run

HERE = pathlib.Path(__file__).resolve().parent.parent / "guest"
# In the order that they need each other; with their options.
MODULES = {"virtio": "", "virtio_ring": "", "virtio_pci_legacy_dev": "", "virtio_pci_modern_dev": "", "virtio_pci": "",
           "virtio_blk": "", "failover": "", "net_failover": "", "virtio_net": "csum=0 gso=0"}


def make(image, place):
    """The kernel, the file system and an empty disk: three paths."""
    source, root = f"{image}/guest", f"{place}/guest"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "lib", "proc", "sys", "dev", "tmp", "run"):
        os.makedirs(f"{root}/{name}")
    shutil.copy(f"{source}/busybox", f"{root}/bin/busybox")
    for name in ("sh", "mount", "insmod", "ip", "udhcpc", "awk", "wget", "httpd", "sleep", "mkdir", "mv", "dd", "printf", "grep"):
        os.symlink("busybox", f"{root}/bin/{name}")
    shutil.copy(HERE / "init", f"{root}/init")
    shutil.copy(HERE / "lease", f"{root}/bin/lease")
    with open(f"{root}/lib/order", "w") as order:
        for name, options in MODULES.items():
            if unpack(source, name, f"{root}/lib/{name}.ko"):
                order.write(f"{name}.ko {options}\n")
    listed = "\n".join(os.path.relpath(path, root) for path in sorted(glob.glob(f"{root}/**", recursive=True))[1:])
    archive = f"{place}/guest.cpio"
    run("sh", "-c", f"cd {root} && cpio --quiet -o -H newc -O {archive}", text=listed + "\n")
    with open(archive, "rb") as plain, gzip.open(f"{place}/guest.initrd", "wb", 6) as packed:
        shutil.copyfileobj(plain, packed)
    with open(f"{place}/guest.disk", "wb") as disk:
        disk.truncate(8 << 20)
    return f"{source}/vmlinuz", f"{place}/guest.initrd", f"{place}/guest.disk"


def unpack(source, name, target):
    """One module of the kernel; False when it is built in."""
    found = glob.glob(f"{source}/modules/**/{name}.ko*", recursive=True)
    if not found:
        built_in = pathlib.Path(glob.glob(f"{source}/modules/*/modules.builtin")[0]).read_text()
        if f"/{name}.ko" not in built_in:
            raise Failed(f"the guest's kernel has no {name}")
        return False
    text = pathlib.Path(found[0]).read_bytes()
    pathlib.Path(target).write_bytes(lzma.decompress(text) if found[0].endswith(".xz") else text)
    return True
