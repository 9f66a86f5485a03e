"""A message provider of our own: the part of the API that we use, with a memory and its faults."""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from PIL import Image

ERRORS = {
    63016: (400, "Failed to send freeform message because you are outside the allowed window."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
}


class Provider:
    """The state of the account."""

    def __init__(self, account: str, token: str) -> None:
        self.account, self.token = account, token
        self.sent: list[dict[str, str]] = []
        self.received: list[dict[str, str]] = []
        self.media: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.faults: list[int] = []
        """Codes that the next calls fail with; 0: it is done, and the answer is lost."""
        self.seen_tokens_at_the_cdn: list[str] = []
        self.url = ""
        self.lock = threading.Lock()

    def keep_photo(self, content: bytes | None = None) -> str:
        """A photo that a citizen sent: the address that the provider gives for it."""
        sid = "ME" + secrets.token_hex(16)
        self.media[sid] = content if content is not None else photo()
        message = "MM" + secrets.token_hex(16)
        return f"{self.url}/2010-04-01/Accounts/{self.account}/Messages/{message}/Media/{sid}"

    def create(self, form: dict[str, str]) -> dict[str, Any]:
        now = format_datetime(datetime.now(UTC))
        sid = "SM" + secrets.token_hex(16)
        with self.lock:
            self.sent.append({**form, "sid": sid, "at": now})
        return resource(self.account, self.sent[-1])


def resource(account: str, message: dict[str, str]) -> dict[str, Any]:
    """A message as the API shows it."""
    return {
        "sid": message["sid"],
        "account_sid": account,
        "body": message.get("Body", ""),
        "to": message["To"],
        "from": message["From"],
        "status": message.get("status", "queued"),
        "direction": message.get("direction", "outbound-api"),
        "num_media": message.get("NumMedia", "0"),
        "date_created": message["at"],
        "date_sent": message["at"],
        "date_updated": message["at"],
        "error_code": None,
        "error_message": None,
        "subresource_uris": {},
        "uri": f"/2010-04-01/Accounts/{account}/Messages/{message['sid']}.json",
    }


def photo() -> bytes:
    """A picture."""
    made = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(made, "JPEG")
    return made.getvalue()


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"
    # head and body leave together: apart, the second waits for the client's word of the first
    wbufsize = -1

    def log_message(self, *_arguments: object) -> None:
        """Nothing is logged."""

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _json(self, status: int, document: object) -> None:
        self._answer(status, json.dumps(document).encode())

    def _fail(self, code: int) -> None:
        status, message = ERRORS.get(code, (400, "wrong"))
        told = {"code": code, "message": message, "status": status, "more_info": ""}
        self._json(status, told)

    def _is_authorized(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        expected = f"{self.provider.account}:{self.provider.token}".encode()
        if base64.b64decode(given) == expected:
            return True
        self._json(401, {"code": 20003, "message": "Authenticate", "status": 401})
        return False

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._is_authorized():
            return
        if self._path != f"/2010-04-01/Accounts/{self.provider.account}/Messages.json":
            self._fail(20404)
            return
        fault = self.provider.faults.pop(0) if self.provider.faults else None
        if fault:
            self._fail(fault)
            return
        made = self.provider.create(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        if fault == 0:
            self.close_connection = True
            return
        self._json(201, made)

    def do_GET(self) -> None:
        path = self._path
        if path.startswith("/cdn/"):
            self.provider.seen_tokens_at_the_cdn.append(self.headers.get("Authorization", ""))
            self._answer(200, self.provider.media[path[5:]], Content_Type="image/jpeg")
            return
        if not self._is_authorized():
            return
        sid = path.rpartition("/")[2]
        if sid in self.provider.media:
            port = self.server.server_address[1]
            self._answer(307, b"", Location=f"http://localhost:{port}/cdn/{sid}")
        elif path.endswith("/Messages.json"):
            self._list()
        elif path.endswith("/Media.json"):
            self._json(200, {"media_list": [], "page_size": 50, "next_page_uri": None})
        else:
            self._json(404, {"code": 20404, "message": "not found", "status": 404})

    def _list(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        everything = [*self.provider.sent, *self.provider.received]
        found = [
            resource(self.provider.account, message)
            for message in everything
            if all(query.get(name, message[name]) == message[name] for name in ("To", "From"))
        ]
        self._json(200, {"messages": found, "page_size": 50, "next_page_uri": None})

    def do_DELETE(self) -> None:
        if self._is_authorized():
            sid = self._path.rpartition("/")[2].removesuffix(".json")
            self.provider.deleted.append(sid)
            self._answer(204, b"")


@contextmanager
def serving(account: str, token: str) -> Iterator[Provider]:
    """The provider, on a port of its own, for as long as the block runs."""
    provider = Provider(account, token)
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
