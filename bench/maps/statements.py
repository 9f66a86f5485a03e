"""The SQL that an answer is made of, as a script for pgbench."""

import re
from datetime import date, datetime
from typing import Any

import httpx
from sqlalchemy import Engine, event

from open311.app import create_app
from open311.settings import Settings


async def recorded(settings: Settings, city: str, path: str) -> str:
    """What the map role sends for a path, in its transaction, values as literals."""
    found: list[str] = []
    app = create_app(settings)

    def note(connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if connection.engine.url.username.endswith("_map"):
            found.append(_with_literals(statement, values))

    async with app.lifespan():
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            await client.get(path)  # what is remembered for a minute
            event.listen(Engine, "before_cursor_execute", note)
            answer = await client.get(path)
            event.remove(Engine, "before_cursor_execute", note)
            assert answer.status_code == 200, answer.text
    opening = f"begin; set local app.jurisdiction = '{city}'; set local jit = off;"
    return "\n".join([opening, *(f"{statement};" for statement in found), "commit;"])


def _with_literals(statement: str, values: Any) -> str:
    statement = re.sub(r"--.*", "", statement)
    # pgbench takes a colon for a variable's; the form of a date costs the same
    statement = statement.replace("HH24:MI:SS", "HH24.MI.SS")
    return re.sub(r"\$(\d+)", lambda place: _literal(values[int(place[1]) - 1]), statement)


def _literal(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "'{" + ",".join(str(each) for each in value) + "}'"
    if isinstance(value, str | datetime | date):
        return f"'{value}'"
    return str(value)
