"""A language model's endpoint of our own, on the loopback, with the faults that real ones have."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from msgspec import Struct


class Fault(Struct, frozen=True):
    """What the next call gets in place of an answer."""

    status: int = 200
    headers: dict[str, str] = {}
    body: str = ""
    seconds: float = 0.0


class Model:
    """What it was asked, and what it says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.faults: list[Fault] = []
        self.translation = "There is no water"
        self.service_code = "NO-WATER"
        self.url = ""

    def answer(self, asked: dict[str, Any]) -> str:
        """As a model would: an opinion when services are listed, else a translation."""
        report = json.loads(asked["messages"][-1]["content"])
        if "services" in report:
            return "```json\n" + json.dumps({"service_code": self.service_code}) + "\n```"
        return json.dumps({"translation": self.translation})

    def words(self) -> str:
        """All that users' messages said."""
        return " ".join(each["messages"][-1]["content"] for each in self.asked)


@contextmanager
def serve() -> Iterator[Model]:
    """Serve one for as long as the block runs."""
    model = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            model.asked.append(asked)
            model.keys.append(self.headers.get("authorization"))
            assert self.path == "/v1/chat/completions"
            fault = model.faults.pop(0) if model.faults else None
            if fault is None:
                said = {"choices": [{"message": {"role": "a", "content": model.answer(asked)}}]}
                fault = Fault(body=json.dumps(said))
            time.sleep(fault.seconds)
            try:
                self._tell(fault)
            except BrokenPipeError:  # whoever asked has given up
                return

        def _tell(self, fault: Fault) -> None:
            self.send_response(fault.status)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(fault.body.encode())

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
