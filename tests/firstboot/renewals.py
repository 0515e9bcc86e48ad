"""Newer payloads, as the server hands them out: the other end of lib/renewal.sh, written from its description
(`src/secrets/renewal.rs`) and not from its code."""

import hashlib
import hmac
import io
import pathlib
import subprocess
import tarfile
import urllib.parse


def packed(folder):
    """A tar file of a folder: the same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            info = tar.gettarinfo(path, str(path.relative_to(folder)))
            info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
            with open(path, "rb") if path.is_file() else io.BytesIO() as data:
                tar.addfile(info, data if path.is_file() else None)
    return buffer.getvalue()


def key_of(token):
    return hashlib.sha256(b"the secret of the site" + token.encode()).hexdigest()


def seal_folder(folder, token):
    """Adds what a node needs to take a newer payload, and returns its digest."""
    digest = hashlib.sha256(packed(folder)).hexdigest()
    for name, text in (("digest", digest), ("renewal-key", key_of(token))):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    return digest


def _word(token, text, data=b""):
    return hmac.new(key_of(token).encode(), text.encode() + data, "sha256").hexdigest()


class Renewals:
    """What each node should have, by its token."""

    def __init__(self):
        # Token to node, digest and tar file; who asked for what; bytes that a forger inserts; nodes that have to wait.
        self.newest, self.given, self.told, self.forged, self.held = {}, [], {}, None, set()

    def offer(self, token, node, folder):
        digest = seal_folder(folder, token)
        self.newest[token] = (node, digest, packed(folder))
        return digest

    def errand(self, token, query):
        told = dict(urllib.parse.parse_qsl(query)).get("payload")
        self.told[token] = told
        node, digest, _ = self.newest.get(token, (None, told, None))
        return "" if told in (None, digest) or node in self.held else f"renew {digest} {node}\n"

    def answer(self, token, query):
        asked = dict(urllib.parse.parse_qsl(query))
        digest, nonce = asked.get("payload"), asked.get("nonce")
        if not hmac.compare_digest(asked.get("proof", ""), _word(token, f"fetch {digest} {nonce}")):
            return 403, b"without the key"
        # Both at once: sealing takes a while, and the test may go on to the next payload meanwhile.
        (node, newest, tar), forged = self.newest[token], self.forged
        if newest != digest:
            return 409, b"changed meanwhile"
        words = ["openssl", "enc", "-aes-256-cbc", "-md", "sha256", "-salt", "-pass", "pass:" + _word(token, f"seal {digest} {nonce}")]
        sealed = subprocess.run(words, input=tar, capture_output=True, check=True).stdout
        mac = _word(token, f"sent {digest} {nonce}\n", sealed)
        self.given.append((node, digest))
        return 200, (forged or (lambda text: text))(mac.encode() + b"\n" + sealed)
