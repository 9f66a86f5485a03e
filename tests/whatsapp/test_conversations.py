"""Whole conversations, as anybody can write them down: `tests/conversations/*.txt`."""

from pathlib import Path

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from open311 import jurisdictions
from open311.db import Database
from tests.whatsapp.citizens import World
from tests.whatsapp.scripts import SCRIPTS, Player, languages, suburbs

pytestmark = pytest.mark.anyio
_SET = text("""
update jurisdiction
set languages = :languages, settings = settings || jsonb_build_object('suburbs', :suburbs)
where jurisdiction_id = :city
""").bindparams(bindparam("suburbs", type_=JSONB))


def test_there_are_many_in_many_languages() -> None:
    spoken = {languages(script)[0] for script in SCRIPTS}
    assert len(SCRIPTS) >= 40
    assert len(spoken) >= 6


@pytest.fixture
def lines(script: Path) -> list[str]:
    return script.read_text().splitlines()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
async def test_conversation(
    world: World, database: Database, script: Path, lines: list[str]
) -> None:
    async with database.shared() as connection:
        wanted = {"languages": languages(script), "suburbs": suburbs(script)}
        await connection.execute(_SET, wanted | {"city": world.city})
    jurisdictions.forget(world.context.db)
    await Player(world).play(script.name, lines)
