"""Encrypted partitions: what `--encrypted` of a `part` or `raid` command asks for.

The key is derived in no time, because an emulated processor would need minutes for what a real one does in two seconds; the
header has the size and the version that the release gives it.
"""

from standin.console import Stop, run, say


def encrypt(command, device, release):
    """Returns (UUID, the opened device), named as Anaconda names it."""
    if not command.passphrase:
        raise Stop(f"{command.mountpoint} is encrypted and has no --passphrase: Anaconda would ask for one")
    version = getattr(command, "luks_version", "") or ("luks2" if release[0] >= 8 else "luks1")
    run("cryptsetup", "luksFormat", "-q", "--type", version, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", "-",
        device, input=command.passphrase)
    uuid = run("cryptsetup", "luksUUID", device).strip()
    run("cryptsetup", "open", "--type", "luks", "--key-file", "-", device, f"luks-{uuid}", input=command.passphrase)
    say(f"{device}: {version}, opened as luks-{uuid}")
    return uuid, f"/dev/mapper/luks-{uuid}"


def crypttab(uuids):
    """The lines of /etc/crypttab: somebody types the passphrase at each start."""
    return "".join(f"luks-{uuid} UUID={uuid} none\n" for uuid in uuids)


def boot_arguments(uuids):
    """What the kernel command line says, so that the initramfs opens them."""
    return " ".join(f"rd.luks.uuid=luks-{uuid}" for uuid in uuids)
