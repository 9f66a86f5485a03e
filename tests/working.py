"""Work on tasks as a worker does."""

from open311 import tasks
from open311.db import Database
from open311.settings import Settings
from open311.tasks import Claimed
from open311.worker import Handlers


async def work(db: Database, settings: Settings, handlers: Handlers, task: Claimed) -> None:
    """Run a task's handler, and write how that ended."""
    if await tasks.work(db, settings, handlers, task):
        await tasks.claim(db, settings, [], 0, [task])
