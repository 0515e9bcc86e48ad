"""Simulates what only 2011.3 has: Nova's own users, EC2's tools, RabbitMQ. It reads the files that the steps have
written, by the rules of the real programs. README.md of this folder says what was compared with what."""

import json
import os
import pathlib
import re
import sys
import uuid
import zipfile

sys.path.insert(0, os.environ["FAKE_TESTS"])
import readers  # noqa: E402

FAKE = pathlib.Path(os.environ["FAKE"])
WORLD = pathlib.Path(os.environ["FAKE_WORLD"])
ROOT = pathlib.Path(os.environ["RACKSTART_ROOT"])
# Users with their keys, projects with their members, rules, machines: rows of Nova's database.
ROWS = WORLD / "nova-2011.json"
FAILED = "Command failed, please check log for more info"


def rows():
    empty = {"users": {}, "projects": {}, "rules": [], "machines": {}}
    return json.loads(ROWS.read_text()) if ROWS.exists() else empty


def keep(found, *words):
    with open(FAKE / "changes", "a") as changes:
        changes.write(" ".join(words) + "\n")
    ROWS.with_suffix(".part").write_text(json.dumps(found))
    ROWS.with_suffix(".part").rename(ROWS)


def failed():
    """nova-manage writes this to standard output, like everything else."""
    print(FAILED)
    sys.exit(1)


def shows(keys):
    print(f"export EC2_ACCESS_KEY={keys[0]}\nexport EC2_SECRET_KEY={keys[1]}")


def user_admin(_, name):
    found = rows()
    if name in found["users"]:
        failed()
    found["users"][name] = [str(uuid.uuid4()), f"SecretKeyOf{uuid.uuid4()}"]
    keep(found, "nova-manage user admin", name)
    shows(found["users"][name])


def user_exports(_, name):
    found = rows()["users"]
    shows(found[name]) if name in found else failed()


def project_create(_, name, user):
    found = rows()
    if user not in found["users"] or name in found["projects"]:
        failed()
    found["projects"][name] = [user]
    keep(found, "nova-manage project create", name, user)


def project_list(_, user):
    print("\n".join(name for name, members in rows()["projects"].items() if user in members))


def project_zipfile(_, project, user, file):
    """Without the certificate authority it says so, and ends well all the same."""
    keys, flag = rows()["users"].get(user) or failed(), lambda key: readers.setting(ROOT / "etc/nova/nova.conf", "DEFAULT", key)
    if not (ROOT / "var/lib/nova/CA/cacert.pem").exists():
        return print("The above error may show that the certificate db has not been created.")
    # Deprecated auth has an access key, no auth the name of the user.
    access = keys[0] if flag("use_deprecated_auth") == "true" else user
    text = (f'export EC2_ACCESS_KEY="{access}:{project}"\nexport EC2_SECRET_KEY="{keys[1]}"\n'
            f'export EC2_URL="http://{flag("ec2_dmz_host")}:8773/services/Cloud"\nexport S3_URL="http://{flag("s3_dmz")}:3333"\n')
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("novarc", text)
    # What root signs with belongs to root.
    with open(FAKE / "owners", "a") as owners:
        owners.write("/var/lib/nova/CA/index.txt|root:root|\n")
    (ROOT / "var/lib/nova/CA/index.txt").touch()
    keep(rows(), "nova-manage project zipfile", project, user)


def version_list(_):
    print("2011.3 (2011.3-LOCALBRANCH:LOCALREVISION)")


def api_starts():
    """2011.3 makes its certificate authority when the API starts, which runs as nova."""
    if "\n--" in (ROOT / "etc/nova/nova.conf").read_text():
        (ROOT / "var/lib/nova/CA").mkdir(parents=True, exist_ok=True)
        (ROOT / "var/lib/nova/CA/cacert.pem").touch()
        with open(FAKE / "owners", "a") as owners:
            owners.write("/var/lib/nova/CA|nova:nova|R\n")


def rabbit_starts():
    """A new database gets the account of the configuration; an old one keeps its own."""
    place, database = FAKE / "rabbit", ROOT / "var/lib/rabbitmq/mnesia"
    place.mkdir(exist_ok=True)
    if not database.exists():
        database.mkdir(parents=True)
        text = (ROOT / "etc/rabbitmq/rabbitmq.config").read_text()
        name, password = (re.search(rf'{{{key}, <<"((?:[^"\\]|\\.)*)">>}}', text)[1] for key in ("default_user", "default_pass"))
        (place / "account").write_text(name + "\n" + re.sub(r"\\(.)", r"\1", password))
    (place / "born").write_text(str(uuid.uuid4()))


def caller():
    """Who the EC2 API takes the caller for, by the pipeline that it was started with: `ec2noauth` asks nobody."""
    controller = WORLD / "nodes/controller"
    if not (controller / "fake/running.openstack-nova-api").exists():
        sys.exit("Connection refused")
    pipeline = readers.setting(controller / "root/etc/nova/api-paste.ini", "pipeline:ec2cloud", "pipeline").split()
    access, _, project = os.environ["EC2_ACCESS_KEY"].partition(":")
    if "ec2noauth" in pipeline:
        return access
    for user, keys in rows()["users"].items():
        if keys == [access, os.environ["EC2_SECRET_KEY"]] and user in rows()["projects"].get(project, []):
            return user
    sys.exit("Unauthorized: None")


def image():
    """The list that Glance has, as EC2's tools show it."""
    return f"ami-00000001\tNone ({(WORLD / 'image-name').read_text()})"


def euca(name, words):
    caller()
    found = rows()
    match name, *words:
        case "euca-describe-availability-zones", *_:
            print("AVAILABILITYZONE\tnova\tavailable")
        case "euca-describe-groups", "default":
            print("GROUP\tadmin\tdefault\tdefault")
            for protocol, first, last in found["rules"]:
                print(f"PERMISSION\tadmin\tdefault\tALLOWS\t{protocol}\t{first}\t{last}\tFROM\tCIDR\t0.0.0.0/0")
        case "euca-authorize", "-P", protocol, option, ports, "default":
            first, last = ports.split(":") if option == "-t" else (ports, ports)
            if [protocol, first, last] in found["rules"]:
                sys.exit("ApiError: This rule already exists in group default")
            found["rules"].append([protocol, first, last])
            keep(found, "euca-authorize", protocol, first, last)
        case ["euca-describe-images"]:
            print(f"IMAGE\t{image()}\t\tavailable\tpublic\t\tmachine\t")
        case "euca-run-instances", "-t", "m1.tiny", "ami-00000001":
            key = f"i-{len(found['machines']) + 1:08x}"
            found["machines"][key] = "scheduling"
            keep(found, "euca-run-instances")
            print(f"RESERVATION\tr-1\tadmin\tdefault\nINSTANCE\t{key}\tami-00000001\t\t\tscheduling\tNone (admin, None)\t0\t\tm1.tiny")
        case "euca-describe-instances", key:
            state = found["machines"].get(key)
            if state:
                print(f"RESERVATION\tr-1\tadmin\tdefault\nINSTANCE\t{key}\tami-00000001\t10.0.0.2\t10.0.0.2\t{state}\tNone (admin, compute1)\t0\t\tm1.tiny")
                # It goes on between two questions.
                found["machines"][key] = {"scheduling": "networking", "networking": "running", "terminated": ""}.get(state, state)
                ROWS.write_text(json.dumps(found))
        case "euca-terminate-instances", key:
            found["machines"][key] = "terminated"
            keep(found, "euca-terminate-instances")
        case _:
            sys.exit(f"diablo.py: I do not play {name} {words}")


if __name__ == "__main__":
    match sys.argv[1]:
        case "rabbit-starts":
            rabbit_starts()
        case "api-starts":
            api_starts()
        case name:
            euca(name, sys.argv[2:])
