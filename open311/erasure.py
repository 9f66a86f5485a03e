"""Forget a person: who they are, what they wrote and said, and what was written to them."""

from open311 import conversations, media, reporters, tasks
from open311.db import Database

PROVIDER_KIND = "messages.erase"
"""The kind of the task that erases messages at the provider too."""


async def erase(db: Database, jurisdiction_id: str, reporter_id: str, actor: str) -> bool:
    """Forget a person for good; what they reported stays. False when there was nothing left."""
    async with db.begin(jurisdiction_id) as connection:
        ids = await conversations.erase(connection, jurisdiction_id, reporter_id)
        if ids:
            payload = {"provider_ids": ids}
            await tasks.add(connection, jurisdiction_id, PROVIDER_KIND, reporter_id, payload)
        await media.forget(connection, jurisdiction_id, reporter_id)
    return await reporters.erase(db, jurisdiction_id, reporter_id, actor)
