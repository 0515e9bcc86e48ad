"""What a node asks over HTTP: a server that takes reports, and has images and errands."""

import http.server
import threading
import time
import urllib.parse

from renewals import Renewals

OTHER = bytes(range(255)) * 32
IMAGE = b"QFI\xfb" + bytes(range(256)) * 64


class Server:
    """Takes reports; can be away, or answer as a test demands. Has images."""

    def __init__(self, host="127.0.0.1"):
        self.host = host
        self.reports, self.answer, self.http = [], 204, None
        self.files = {"/image/cirros-0.3.0-x86_64": IMAGE, "/image/another": OTHER}
        # Text by token, given once; who asked; and the status of the answer.
        self.errands, self.asked, self.errands_answer = {}, [], 200
        self.renewals = Renewals()
        self.port = 0
        self.back()

    def back(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode("ascii")
                form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True))
                if outer.answer == 204:
                    outer.reports.append((self.path.removeprefix("/report/"), form, time.monotonic()))
                self.send_response(outer.answer)
                self.end_headers()

            def do_GET(self):
                found = outer.files.get(self.path)
                path, _, query = self.path.partition("?")
                token = path.rsplit("/", 1)[1]
                if path.startswith("/errands/"):
                    outer.asked.append(token)
                    self.send_response(outer.errands_answer)
                    self.end_headers()
                    errands = "" if "only=renew" in query else outer.errands.pop(token, "")
                    self.wfile.write((errands + outer.renewals.errand(token, query)).encode())
                    return
                if path.startswith("/renewal/"):
                    status, body = outer.renewals.answer(token, query)
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(body)
                    return
                self.send_response(404 if found is None else 200)
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.http = http.server.ThreadingHTTPServer((self.host, self.port), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def away(self):
        self.http.shutdown()
        self.http.server_close()
