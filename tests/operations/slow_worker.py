"""A worker whose tasks take so many seconds, long enough to be interrupted."""

import asyncio
import os
import sys
from functools import partial
from typing import Any

from open311 import tokens, worker
from open311.context import Context
from open311.environment import from_environment


async def issue_slowly(
    context: Context, seconds: float, jurisdiction_id: str, payload: dict[str, Any]
) -> None:
    """Pause before the effect and after it: a kill may come on either side."""
    await asyncio.sleep(seconds / 2)
    await tokens.issue(context.db, jurisdiction_id, payload)
    await asyncio.sleep(seconds / 2)


def slow(context: Context) -> worker.Handlers:
    return {"token.issue": partial(issue_slowly, context, float(sys.argv[1]))}


asyncio.run(worker.run(from_environment(os.environ), slow))
