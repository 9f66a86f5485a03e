"""`open311 serve` as an operator meets it: start, stop, crash, collisions."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.operations.servers import (
    Server,
    command_line,
    descendants,
    environment,
    free_port,
    run,
    serving,
    wait_until_gone,
)

CITY = Path(__file__).parent.parent / "city.yaml"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for the tests that leave it running: two web processes and a worker."""
    with serving(tmp_path_factory.mktemp("server"), WEB_PROCESSES="2") as started:
        yield started


def _cities(server: Server) -> list[str]:
    done = run(server.environment, "jurisdiction", "list")
    assert done.returncode == 0, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def _children(server: Server, what: bytes) -> set[int]:
    """The children whose command line has a word."""
    return {pid for pid in descendants(server.process.pid) if what in command_line(pid)}


def test_a_kill_leaves_no_process_and_loses_no_data(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        done = run(first.environment, "jurisdiction", "add", str(CITY))
        assert done.returncode == 0, done.stderr
        cities = _cities(first)
        assert cities
        children = descendants(first.process.pid)
        first.process.kill()
        first.process.wait()
    # at once, while the daemons of the killed one are still going down
    with serving(tmp_path) as second:
        assert _cities(second) == cities
        assert wait_until_gone(children) == set()
        children = descendants(second.process.pid)
        assert second.stop(signal.SIGINT) == 0
        assert wait_until_gone(children) == set()


def test_a_stop_finishes_requests_in_flight_and_leaves_no_process(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        children = descendants(server.process.pid)
        address = ("127.0.0.1", int(server.environment["PORT"]))
        with socket.create_connection(address, timeout=30) as client:
            client.sendall(
                b"POST /open311/v2/requests.json HTTP/1.1\r\nHost: test\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\napi_"
            )
            time.sleep(0.2)  # until the server has the first half
            server.process.send_signal(signal.SIGTERM)
            _wait_until_refused(address)
            client.sendall(b"key=x")
            answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 4")
        assert server.process.wait(60) == 0
        assert wait_until_gone(children) == set()


def _wait_until_refused(address: tuple[str, int]) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError("still accepts connections")


@pytest.mark.parametrize("what", [b"multiprocessing-fork", b"redis-server", b"postgres\0-D"])
def test_what_crashes_is_started_again(server: Server, what: bytes) -> None:
    before = _children(server, what)
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert wait_until_gone(before) == set()
    end = time.monotonic() + 60
    while len(_children(server, what)) < len(before) and time.monotonic() < end:
        time.sleep(0.05)
    # each web process finds out for itself that its connections are gone
    in_a_row = 0
    while in_a_row < 20 and time.monotonic() < end:
        in_a_row = in_a_row + 1 if _is_all_well(server) else 0
    assert in_a_row == 20


def _is_all_well(server: Server) -> bool:
    server.wait_until_ready()
    checks = httpx.get(f"{server.base}/health/ready", timeout=10).json()["checks"]
    return set(checks.values()) == {"ok"}


def test_several_web_processes_share_the_port(server: Server) -> None:
    assert len(_children(server, b"multiprocessing-fork")) == 3  # and one worker
    answers = [httpx.get(f"{server.base}/health/live") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


def test_two_installations_run_side_by_side(server: Server, tmp_path: Path) -> None:
    with serving(tmp_path) as other:
        done = run(other.environment, "jurisdiction", "list")
        assert (done.returncode, done.stdout) == (0, "")
        assert httpx.get(f"{server.base}/health/live").is_success
        assert httpx.get(f"{other.base}/health/live").is_success


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(environment(tmp_path, port), "serve")
    sentence = f"open311: 127.0.0.1:{port}: is taken by another program: set another PORT.\n"
    assert (done.returncode, done.stderr) == (2, sentence)
    assert not any(tmp_path.iterdir())


def test_a_folder_in_use_is_said_in_a_sentence(server: Server) -> None:
    done = run({**server.environment, "PORT": str(free_port())}, "serve")
    assert done.returncode == 2
    assert "is in use by another server" in done.stderr


def test_a_bad_setting_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = run({**environment(tmp_path, 8311), "PORT": "many"}, "serve")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "PORT='many'" in done.stderr


def test_the_log_is_json_without_queries_or_secrets(server: Server) -> None:
    httpx.get(f"{server.base}/open311/discovery.json?api_key=hidden&email=a@b.example")
    secrets = json.loads((server.log.parent / "var" / "secrets.json").read_text())
    deadline, lines = time.monotonic() + 10, []
    while not any(line["event"] == "request" and line["request_id"] for line in lines):
        assert time.monotonic() < deadline, "the request is not in the log"
        time.sleep(0.05)  # it is written after the answer
        text = server.log.read_text()
        whole = text[: text.rindex("\n")].splitlines()
        lines = [json.loads(line) for line in whole if line.startswith("{")]
    for hidden in ("hidden", "a@b.example", *secrets.values()):
        assert hidden not in text
