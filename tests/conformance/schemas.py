"""XML schemas of the OGC from a folder, for machines that do not reach where they are published."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


@contextmanager
def served(folder: Path) -> Iterator[list[str]]:
    """What Java is told so that it takes `{host}/{path}` from the folder; nothing without one."""
    if not folder.is_dir():
        yield []
        return
    handler = type("Handler", (_Handler,), {"folder": folder.resolve()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield [
            "-Dhttp.proxyHost=127.0.0.1",
            f"-Dhttp.proxyPort={server.server_port}",
            "-Dhttp.nonProxyHosts=127.0.0.1",
        ]
        server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers what is asked of a proxy, whose requests name the host too."""

    folder: Path

    def do_GET(self) -> None:
        """The file of an address."""
        address = urlsplit(self.path)
        path = (self.folder / f"{address.hostname}/{address.path}").resolve()
        if not (path.is_relative_to(self.folder) and path.is_file()):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.end_headers()
        self.wfile.write(path.read_bytes())

    def log_message(self, *_: object) -> None:
        """Say nothing: what matters is what the suite says."""
