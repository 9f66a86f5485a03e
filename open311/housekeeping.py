"""What has to go away by itself: remembered retries, finished tasks, old news and uses."""

import asyncio
import logging

from sqlalchemy import TextClause, text

from open311 import jurisdictions
from open311.context import Context
from open311.db import Database

_EVERY_SECONDS = 3600
_log = logging.getLogger(__name__)
# So few rows a statement, each its own transaction, that none meets the time limit.
BATCH = 5000
_MODEL_USE_DAYS = 400
_IDEMPOTENCY = text("""
delete from idempotency
where ctid = any(array(
    select ctid from idempotency
    where jurisdiction_id = :jurisdiction_id and created_at < now() - make_interval(hours => :age)
    limit :batch
)) and jurisdiction_id = :jurisdiction_id
""")
_TASKS = text("""
delete from task
where ctid = any(array(
    select ctid from task
    where jurisdiction_id = :jurisdiction_id and state = 'done'
        and finished_at < now() - make_interval(days => :age)
    limit :batch
)) and jurisdiction_id = :jurisdiction_id
""")
_LAYER_USES = text("""
delete from layer_use
where ctid = any(array(
    select ctid from layer_use
    where jurisdiction_id = :jurisdiction_id and at < now() - make_interval(days => :age)
    limit :batch
)) and jurisdiction_id = :jurisdiction_id
""")
_UPLOADS = text("""
delete from layer_upload
where ctid = any(array(
    select ctid from layer_upload
    where jurisdiction_id = :jurisdiction_id
        and finished_at < now() - make_interval(days => :age)
    limit :batch
)) and jurisdiction_id = :jurisdiction_id
""")
# The newest stays: by it a web process knows that it has missed nothing.
_RELAYED = text("""
delete from relayed
where ctid = any(array(
    select ctid from relayed
    where jurisdiction_id = :jurisdiction_id and at < now() - make_interval(mins => :age)
        and batch < (select max(batch) from relayed where jurisdiction_id = :jurisdiction_id)
    limit :batch
)) and jurisdiction_id = :jurisdiction_id
""")


_ANSWERS = text("""
delete from model_answer
where ctid = any(array(
    select ctid from model_answer
    where jurisdiction_id = :jurisdiction_id and kept_until < now() - make_interval(days => :age)
    limit :batch
)) and jurisdiction_id = :jurisdiction_id
""")
_MODEL_USES = text("""
delete from model_use
where ctid = any(array(
    select ctid from model_use
    where jurisdiction_id = :jurisdiction_id and day < now() - make_interval(days => :age)
    limit :batch
)) and jurisdiction_id = :jurisdiction_id
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
    """Forget what the settings say is old, one jurisdiction after the other.

    What fails in one is logged and keeps nobody else waiting.
    """
    settings = context.settings
    for jurisdiction in await jurisdictions.list_all(context.db):
        jurisdiction_id = jurisdiction.jurisdiction_id
        try:
            await _delete(context.db, jurisdiction_id, _IDEMPOTENCY, settings.idempotency_hours)
            await _delete(context.db, jurisdiction_id, _TASKS, settings.task_days)
            await _delete(context.db, jurisdiction_id, _UPLOADS, settings.task_days)
            await _delete(context.db, jurisdiction_id, _LAYER_USES, settings.layer_use_days)
            await _delete(context.db, jurisdiction_id, _RELAYED, settings.relay_minutes)
            await _delete(context.db, jurisdiction_id, _ANSWERS, 0)
            await _delete(context.db, jurisdiction_id, _MODEL_USES, _MODEL_USE_DAYS)
        except Exception as error:  # next hour is soon enough
            _log.warning("housekeeping of %s failed: %s", jurisdiction_id, type(error).__name__)


async def _delete(db: Database, jurisdiction_id: str, statement: TextClause, age: int) -> None:
    values = {"jurisdiction_id": jurisdiction_id, "age": age, "batch": BATCH}
    deleted = BATCH
    while deleted == BATCH:
        async with db.begin(jurisdiction_id) as connection:
            deleted = (await connection.execute(statement, values)).rowcount
