"""The stand-in installer's course, from kickstart to reboot."""

import configparser
import os
import subprocess
import time

from pykickstart.constants import KS_REBOOT, KS_SCRIPT_POST, KS_SCRIPT_PRE, KS_SHUTDOWN
from pykickstart.errors import KickstartError

from standin import bootloader, kickstart, luks, network, scripts, target
from standin.console import Stop, log_to, run, say, stop_for_ever
from standin.storage import Storage

KICKSTART = "/tmp/ks.cfg"


def distribution_of(tree):
    """What the tree's .treeinfo is called, and (major, minor), which decides which kickstart commands exist."""
    text = run("curl", "-sSf", "-m", "30", f"{tree.rstrip('/')}/.treeinfo")
    info = configparser.ConfigParser()
    info.read_string(text)
    version = info["general"]["version"]
    return f"{info['general']['family']} release {version}", tuple(int(part) for part in version.split(".")[:2])


def leave(how):
    """Reboot or power off the way EL6 ends, without waiting for anything."""
    say(f"done: {how}")
    run("sync")
    subprocess.run(["busybox", how, "-f"])
    time.sleep(60)


def install():
    """One installation."""
    args = kickstart.arguments()
    log_to(args.get("syslog"))
    tree = args.get("repo") or args.get("method")
    url = args.get("ks")
    if not tree or not url:
        raise Stop("the kernel command line needs ks= and method= (or inst.ks= and inst.repo=)")
    distribution, release = distribution_of(tree)
    say(f"stage fetch: {url}")
    kickstart.fetch(url, kickstart.provisioning_headers(args, release[0]), KICKSTART)

    say("stage pre")
    if not scripts.run_all(kickstart.pre_scripts(KICKSTART, release[0]), KS_SCRIPT_PRE):
        # EL6 ends with exit status 0 here, and its init reboots: the firmware asks the network again.
        say("%pre failed; EL6 would reboot now")
        leave("reboot")
    handler = kickstart.parse(KICKSTART, release)
    say(f"kickstart is valid for {distribution}")

    say("stage storage")
    storage = Storage(handler, release)
    storage.execute()
    target.mount_all(storage.filesystems)

    say("stage packages")
    target.unpack(handler.url.url or tree)
    target.fstab(storage.filesystems)
    if storage.encrypted:
        target.write("/etc/crypttab", luks.crypttab(storage.encrypted), 0o600)
    network.configure(handler)
    target.bind_kernel_mounts()
    target.accounts(handler)
    target.settings(handler, distribution)
    # --driveorder on EL6, --boot-drive later, else the first disk.
    order = handler.bootloader.driveorder or [getattr(handler.bootloader, "bootDrive", "")]
    boot_disk = order[0] or sorted(storage.disks)[0]
    bootloader.install(handler, storage.filesystems, boot_disk, storage.efi, luks.boot_arguments(storage.encrypted))

    say("stage post")
    if not scripts.run_all(handler.scripts, KS_SCRIPT_POST, scripts.SYSROOT):
        say("%post failed; EL6 would reboot now")
        target.unmount_all()
        leave("reboot")
    target.unmount_all()
    if handler.reboot.action == KS_REBOOT:
        leave("reboot")
    elif handler.reboot.action == KS_SHUTDOWN:
        leave("poweroff")
    raise Stop("the kickstart has neither reboot nor poweroff: EL6 would wait for a key")


def main():
    """Run, and on any trouble wait on the screen as EL6's cmdline mode does."""
    os.makedirs("/tmp", exist_ok=True)
    try:
        install()
    except (Stop, KickstartError) as error:
        stop_for_ever(error)
    except Exception as error:  # a bug of the stand-in must not look like a silent machine
        stop_for_ever(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
