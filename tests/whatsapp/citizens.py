"""A citizen with a phone, a worker, and what is seen of both: for conversations in tests."""

import asyncio
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
from msgspec import Struct
from sqlalchemy import text

from clients.conversation.state import State
from open311 import dates, progress, secrets, tasks
from open311.context import Context
from open311.tasks import Handler
from open311.workflow import Status
from tests import working
from tests.whatsapp.messages import CITIZEN, form, ours, sign
from tests.whatsapp.provider import Provider

_DUE = text("""
update task set run_after = now()
where jurisdiction_id = :city and state = 'waiting' and kind = 'conversation.silent'
""")
_LEFT = text("""
select count(*) from task
where jurisdiction_id = :city and state in ('waiting', 'running')
    and run_after <= now() + make_interval(secs => 20) and kind <> 'conversation.silent'
    or jurisdiction_id = :city and state in ('waiting', 'running') and run_after <= now()
""")


class World(Struct, frozen=True):
    """The server, its worker, the provider, and the city that is talked to."""

    hooks: httpx.AsyncClient
    context: Context
    handlers: Mapping[str, Handler]
    provider: Provider
    city: str

    async def send(self, words: str = "", sender: str = CITIZEN, **more: str) -> httpx.Response:
        """A message of a citizen, through the webhook."""
        fields = form(self.city, words, sender, **more)
        path = "/whatsapp/inbound"
        return await self.hooks.post(path, content=urlencode(fields), headers=sign(path, fields))

    async def text(self, words: str, sender: str = CITIZEN) -> httpx.Response:
        """A message of a citizen by SMS."""
        fields, path = form(self.city, words, sender), "/sms/inbound"
        fields |= {name: fields[name].removeprefix("whatsapp:") for name in ("From", "To")}
        return await self.hooks.post(path, content=urlencode(fields), headers=sign(path, fields))

    async def work(self) -> None:
        """Let a worker do all that is due in the city."""
        while await self._left():
            db, settings = self.context.db, self.context.settings
            claimed = await tasks.claim(db, settings, list(self.handlers), 8)
            await asyncio.gather(
                *(working.work(db, settings, self.handlers, task) for task in claimed)
            )
            if not claimed:
                await asyncio.sleep(0.02)

    async def _left(self) -> int:
        async with self.context.db.begin(self.city) as connection:
            return int((await connection.execute(_LEFT, {"city": self.city})).scalar_one())

    async def keep_silence(self) -> None:
        """Let pass the time that a question waits for its answer."""
        async with self.context.db.begin(self.city) as connection:
            await connection.execute(_DUE, {"city": self.city})
        await self.work()

    async def let_pass(self, hours: float) -> None:
        """Let hours pass for every conversation of the city."""
        span = timedelta(hours=hours)
        cipher = secrets.cipher(self.context.settings.secret_keys)
        async with self.context.db.begin(self.city) as connection:
            rows = (await connection.execute(text("select * from conversation"))).all()
            for row in rows:
                state = msgspec.json.decode(cipher.decrypt(row.sealed), type=State)
                heard = state.heard_at - span if state.heard_at else None
                state = msgspec.structs.replace(state, heard_at=heard)
                await connection.execute(
                    text("""
                    update conversation
                    set sealed = :sealed, heard_at = heard_at - cast(:span as interval)
                    where jurisdiction_id = :city and conversation_id = :id
                    """),
                    {
                        "sealed": cipher.encrypt(msgspec.json.encode(state)),
                        "span": span,
                        "city": self.city,
                        "id": row.conversation_id,
                    },
                )

    async def move(self, reference: str, status: str, note: str | None) -> None:
        """A status that the staff gives a request."""
        async with self.context.db.begin(self.city) as connection:
            await progress.move(
                connection, self.city, reference, Status(status), note, "staff", dates.now()
            )
        await self.work()

    async def requests(self) -> list[Any]:
        """The requests of the city, the oldest first, as rows."""
        async with self.context.db.begin(self.city) as connection:
            found = await connection.execute(
                text("""
                select service_request_id, service_code, description, status, address, media_urls,
                    st_y(geom) as lat, st_x(geom) as long, attributes,
                    channel
                from service_request
                order by (
                    select max(id) from event
                    where subject = service_request_id and kind = 'request.submitted'
                )
                """)
            )
            return list(found.mappings())

    def said(self, sender: str = CITIZEN) -> list[str]:
        """What the citizen was told so far, message by message."""
        return [message.get("Body", "") for message in self.messages(sender)]

    def messages(self, sender: str = CITIZEN) -> list[dict[str, str]]:
        """The messages to a citizen."""
        return [
            message
            for message in self.provider.sent
            if message["To"].removeprefix("whatsapp:") == sender
            and message["From"].endswith(ours(self.city))
        ]

    def reference(self, sender: str = CITIZEN) -> str:
        """The reference that the citizen was told last."""
        found = re.findall(r"\*([0-9A-Z]{4}-[0-9A-Z]{4})\*", "\n".join(self.said(sender)))
        assert found, self.said(sender)
        return str(found[-1])
