"""What a command works on: settings, with the services that they name running."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import click

from open311 import db, jurisdictions
from open311.db import Database
from open311.errors import Problem
from open311.settings import Settings

T = TypeVar("T")
Installation = Callable[[], AbstractContextManager[Settings]]
"""How a command comes by the settings, with the database they name running."""

ACTOR = "operator"
"""Who the event log says did it: the command line knows no names."""

of_jurisdiction = click.option("--jurisdiction", "named", required=True, help="Whose they are.")


def work_on(installation: Installation, work: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Do something in the installation; what is wrong with it is told in a sentence."""

    async def connected(settings: Settings) -> T:
        async with db.connected(settings) as database:
            return await work(settings, database)

    try:
        with installation() as settings:
            return asyncio.run(connected(settings))
    except Problem as problem:
        raise click.ClickException(" ".join(problem.descriptions)) from None


def work_in(
    installation: Installation, named: str, work: Callable[[Settings, Database, str], Awaitable[T]]
) -> T:
    """Do something in a jurisdiction; what is wrong with it is told in a sentence."""

    async def there(settings: Settings, database: Database) -> T:
        jurisdiction = await jurisdictions.find(database, named)
        return await work(settings, database, jurisdiction.jurisdiction_id)

    return work_on(installation, there)
