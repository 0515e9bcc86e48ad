"""The stage as a process: rackstart's pages in front of a rack that a scene made."""

import json
import os
import pathlib
import subprocess
import tempfile

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


class Stage:
    """A scene that is served until the block ends."""

    def __init__(self, scene, bmc=None):
        self.scene = scene
        self.told = {"BMC": bmc.key, "BMC_PASSWORD": bmc.PASSWORD} if bmc else {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="rackstart-web-")
        folder = pathlib.Path(self.folder.name)
        (folder / "time").write_text("+0\n")
        # Everything that happened before anybody looks has its own time. The clock of a timer stays the real one.
        told = {**os.environ, **self.told}
        faked = {**told, "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(folder / "time"),
                 "FAKETIME_NO_CACHE": "1"}
        subprocess.run([os.environ["STAGE"], "prepare", folder, self.scene], env=faked, check=True, timeout=900)
        self.process = subprocess.Popen([os.environ["STAGE"], "serve", folder, self.scene], env=told, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        told = json.loads(self.process.stdout.readline())
        self.url, self.tokens = told["url"], told["tokens"]
        return self

    def order(self, line):
        """Lets something happen: `step NAME TEXT`."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.folder.cleanup()
