"""A node's BMC, played by sushy-emulator of the OpenStack project: Redfish over TLS, with an account."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

TOOLS = pathlib.Path("build/sushy-tools").resolve()
PORT = 8443
ACCOUNT = "import bcrypt, sys; print('rackstart:' + bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(4)).decode())"


class Bmc:
    """The BMC of one node, which is off at first. `key` is what the node has in the site file."""

    PASSWORD = "BMC-canary-7x9"

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="rackstart-bmc-")
        folder = pathlib.Path(self.folder.name)
        certificate, key, accounts, settings = (folder / name for name in ("bmc.pem", "key.pem", "accounts", "emulator.conf"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bmc",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        # As openssl prints it: an independent reading of the certificate.
        said = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificate], check=True,
                              capture_output=True, text=True).stdout
        self.key = (f'{{ redfish = "https://127.0.0.1:{PORT}", user = "rackstart", '
                    f'fingerprint = "{said.strip().rsplit("=", 1)[1]}" }}')
        python = ["/usr/bin/python3"]
        environment = {**os.environ, "PYTHONPATH": str(TOOLS), "PYTHONDONTWRITEBYTECODE": "1"}
        accounts.write_bytes(subprocess.run([*python, "-c", ACCOUNT, self.PASSWORD], env=environment, check=True, capture_output=True).stdout)
        settings.write_text(f"SUSHY_EMULATOR_AUTH_FILE = '{accounts}'\nSUSHY_EMULATOR_STATE_DIR = '{folder}'\n")
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen([*python, TOOLS / "bin/sushy-emulator", "--fake", "-i", "127.0.0.1", "-p", str(PORT),
                                             "--config", settings, "--ssl-certificate", certificate, "--ssl-key", key],
                                            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"sushy-emulator does not listen: {(folder / 'log').read_text()}")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()
