"""collect_python.py ROOT INSTALLER PYKICKSTART DIR: the Python part of the stand-in installer.

The interpreter of ROOT is asked which modules our code really imports (for every release's command set);
only those go into DIR, as compiled files: an emulated processor should not compile Python.
"""

import os
import shutil
import subprocess
import sys

PROBE = """
import sys
from pykickstart.version import makeVersion
for major in (6, 7, 8, 9, 10):
    makeVersion(f"RHEL{major}")
import runpy, encodings.ascii, encodings.latin_1, encodings.idna, encodings.utf_8
import standin.main, standin.inspect, standin.execute
for module in list(sys.modules.values()):
    name = getattr(module, "__file__", None)
    if name:
        print(name)
"""

# pykickstart can fetch URLs by itself with `requests`. The stand-in uses curl and never does.
REQUESTS = {
    "__init__.py": '"""Not the requests library: the stand-in installer fetches with curl."""\n'
    "from requests import exceptions\n",
    "exceptions.py": '"""Names that pykickstart imports."""\n\n\nclass RequestException(Exception):\n    """Never raised."""\n\n\n'
    'class SSLError(RequestException):\n    """Never raised."""\n',
}


def main():
    root, installer, pykickstart, to = sys.argv[1:]
    stage = root + "/tmp/python"
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(pykickstart + "/pykickstart", stage + "/pykickstart")
    shutil.copytree(installer + "/standin", stage + "/standin", ignore=shutil.ignore_patterns("__pycache__"))
    os.makedirs(stage + "/requests")
    for name, text in REQUESTS.items():
        with open(f"{stage}/requests/{name}", "w") as file:
            file.write(text)
    environment = {"PYTHONPATH": "/tmp/python", "PATH": "/usr/sbin:/usr/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    probe = subprocess.run(["chroot", root, "/usr/bin/python3", "-S", "-c", PROBE],
                           env=environment, capture_output=True, text=True)
    if probe.returncode != 0:
        raise SystemExit(f"the stand-in's Python does not import:\n{probe.stderr}")
    for path in sorted(set(probe.stdout.split())):
        for base in ("/tmp/python/", "/usr/lib/python3.11/"):
            if path.startswith(base):
                target = os.path.join(to, path.removeprefix(base))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(root + path, target)
    library = root + "/tmp/library"
    shutil.rmtree(library, ignore_errors=True)
    shutil.copytree(to, library)
    subprocess.run(["chroot", root, "/usr/bin/python3", "-m", "compileall", "-q", "-b", "-s", "/tmp/library",
                    "--invalidation-mode", "unchecked-hash", "/tmp/library"], check=True)
    shutil.rmtree(to)
    shutil.copytree(library, to, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    # pykickstart finds its releases by listing *.py here, so these keep their source files.
    handlers = to + "/pykickstart/handlers"
    os.makedirs(handlers + "/__pycache__")
    for name in os.listdir(library + "/pykickstart/handlers"):
        if name.startswith("rhel") and name.endswith(".py"):
            shutil.copyfile(f"{library}/pykickstart/handlers/{name}", f"{handlers}/{name}")
            os.rename(f"{handlers}/{name}c", f"{handlers}/__pycache__/{name[:-3]}.cpython-311.pyc")
    shutil.rmtree(library)
    shutil.rmtree(stage)


if __name__ == "__main__":
    main()
