"""A web server on loopback that can be slow, break off, and lie about sizes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Site:
    """What the server has, and how it behaves; may be changed while it runs.

    Attributes:
        url: of its root.
        files: bodies by name.
        requests: names that were asked for, in order.
        go_on: while it is not set, bodies stop half-way.
        promised: the length in the header, less the length of the body; None for a header without it.
    """

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.promised: int | None = 0


@contextmanager
def serve() -> Iterator[Site]:
    """Run a server of an empty site on a free port."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[1]
            site.requests.append(name)
            if name not in site.files:
                self.send_error(404)
                return
            body = site.files[name]
            self.send_response(200)
            if site.promised is not None:
                self.send_header("Content-Length", str(len(body) + site.promised))
            self.end_headers()
            half = len(body) // 2
            try:
                self.wfile.write(body[:half])
                self.wfile.flush()
                site.go_on.wait()
                self.wfile.write(body[half:])
            except OSError:  # the client is gone
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/models"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            site.go_on.set()  # nobody waits for ever
            server.shutdown()
            thread.join()
