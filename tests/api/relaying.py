"""A process that does nothing but relay, until it is killed."""

import asyncio
import os

from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import db, events
from open311.environment import from_environment


async def follow(_connection: AsyncConnection, _jurisdiction_id: str) -> list[int]:
    """Take a moment within the transaction, in which it may be killed."""
    await asyncio.sleep(0.02)
    return []


async def run() -> None:
    settings = from_environment(os.environ)
    await events.relay(db.connect(settings), follow, settings)


asyncio.run(run())
