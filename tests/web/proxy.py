"""nginx in front of the pages, with the lines of docs/api.md and a certificate of its own."""

import base64
import hashlib
import pathlib
import re
import socket
import subprocess
import tempfile
import time

HOST = "rack.example.org"
NGINX = "build/web/nginx/usr/sbin/nginx"
AROUND = """daemon off; master_process off; user root; pid {folder}/pid; error_log {folder}/log; events {{}}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
{server}}}
"""


def openssl(*words, text=b""):
    """What openssl writes."""
    return subprocess.run(["openssl", *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


class Proxy:
    """A proxy that is in front of `target` until the block ends."""

    def __init__(self, target):
        self.target = target

    def __enter__(self):
        self.holder = tempfile.TemporaryDirectory(prefix="rackstart-proxy-")
        folder = pathlib.Path(self.holder.name)
        self.certificate, key = folder / "cert.pem", folder / "key.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={HOST}",
                "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", key, "-out", self.certificate)
        public = openssl("pkey", "-pubin", "-outform", "der", text=openssl("x509", "-in", self.certificate, "-pubkey", "-noout"))
        pin = base64.b64encode(hashlib.sha256(public).digest()).decode()
        # Chromium has no word for one more authority: it accepts this key, and no other that is unknown.
        self.flags = [f"--host-resolver-rules=MAP {HOST} 127.0.0.1", f"--ignore-certificate-errors-spki-list={pin}"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"https://{HOST}:{self.port}"
        [server] = re.findall(r"```nginx\n(.*?)```", pathlib.Path("docs/api.md").read_text(), re.S)
        for word, ours in ((" 443 ", f" 127.0.0.1:{self.port} "), (f"/etc/ssl/certs/{HOST}.pem", str(self.certificate)),
                           (f"/etc/ssl/private/{HOST}.key", str(key)), ("http://127.0.0.1:8081", self.target)):
            assert server.count(word) == 1, word
            server = server.replace(word, ours)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, server=server))
        self.process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "log"])
        for _ in range(600):
            assert self.process.poll() is None, (folder / "log").read_text()
            with socket.socket() as there:
                if there.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        raise AssertionError("nginx does not listen")

    def curl(self, path):
        """A page as curl gets it, which trusts this certificate alone."""
        command = ["curl", "--silent", "--show-error", "--fail", "--cacert", self.certificate, "--resolve",
                   f"{HOST}:{self.port}:127.0.0.1", self.url + path]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.holder.cleanup()
