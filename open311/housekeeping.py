"""What has to go away by itself: remembered retries and finished tasks."""

import asyncio
import logging

from sqlalchemy import text

from open311 import jurisdictions
from open311.context import Context

_EVERY_SECONDS = 3600
_log = logging.getLogger(__name__)
_IDEMPOTENCY = text("""
delete from idempotency
where jurisdiction_id = :jurisdiction_id and created_at < now() - make_interval(hours => :hours)
""")
_TASKS = text("""
delete from task
where jurisdiction_id = :jurisdiction_id and state = 'done'
    and finished_at < now() - make_interval(days => :days)
""")


async def run(context: Context) -> None:
    """Purge now and then every hour, until cancelled."""
    while True:
        try:
            await purge(context)
        except Exception as error:  # next hour is soon enough
            _log.warning("housekeeping failed: %s", type(error).__name__)
        await asyncio.sleep(_EVERY_SECONDS)


async def purge(context: Context) -> None:
    """Forget what the settings say is old, one jurisdiction after the other."""
    settings = context.settings
    for jurisdiction in await jurisdictions.list_all(context.db):
        names = {"jurisdiction_id": jurisdiction.jurisdiction_id}
        async with context.db.begin(jurisdiction.jurisdiction_id) as connection:
            hours = names | {"hours": settings.idempotency_hours}
            await connection.execute(_IDEMPOTENCY, hours)
            await connection.execute(_TASKS, names | {"days": settings.task_days})
