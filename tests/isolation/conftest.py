"""Two jurisdictions with rows in every table, and the roles that look at them."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from open311 import db, events, reporters, tasks
from open311.db import Database
from open311.reporters import Contact
from open311.settings import Settings

# of every table one row, so that "sees nothing" is never for want of something to see
FILL = """
insert into service (jurisdiction_id, service_code, service_name, sensitive, active)
values (:city, 'HOLE', 'Hole', false, true), (:city, 'ABUSE', 'Abuse', true, true),
    (:city, 'STEAM', 'Steam engines', false, false);
insert into service_request (
    jurisdiction_id, service_request_id, service_code, visibility, reporter_id, attributes, team
)
select :city, v, 'HOLE', v, :reporter_id, '{"NOTE"\\: "private"}', 'roads'
from unnest(array['public', 'pending', 'hidden', 'sensitive', 'erased']) v;
insert into request_update (jurisdiction_id, update_id, service_request_id, status)
values (:city, 'U1', 'public', 'open');
insert into media (jurisdiction_id, media_id, service_request_id, object_key, content_type, size)
values (:city, 'M1', 'public', 'key-of-a-photo', 'image/jpeg', 1);
insert into token (jurisdiction_id, token, service_request_id) values (:city, 'T1', 'public');
insert into api_key (jurisdiction_id, key_id, digest, name, scopes)
values (:city, 'K1', 'digest', 'app', '{}');
insert into idempotency (jurisdiction_id, key_id, idempotency_key, digest, answer)
values (:city, 'K1', 'once', 'digest', '{}');
insert into relayed (jurisdiction_id, last_event, quadkeys) values (:city, 1, '{1}');
insert into map_change (jurisdiction_id, sign) values (:city, 0);
insert into team (jurisdiction_id, team, name) values (:city, 'roads', 'Roads');
insert into dataset (
    jurisdiction_id, dataset, title, geometry_type, features, bounds, min_zoom, access
)
select :city, d, d, 'Point', 1, '{18, -34, 18, -34}', 0, a
from (values ('clinics', 'public'), ('depots', 'staff'), ('draft', 'nobody')) made (d, a);
insert into feature (jurisdiction_id, dataset, feature_id, geom, place, size)
select :city, d, 1, st_point(18, -34, 4326), 1, 0
from unnest(array['clinics', 'depots', 'draft']) d;
insert into account (account_id, name) values (:city, :city);
insert into membership (jurisdiction_id, account_id, role) values (:city, :city, 'analyst');
insert into layer_use (jurisdiction_id, account_id, layer, asked)
values (:city, :city, 'staff-requests', 'GET /');
insert into conversation (jurisdiction_id, conversation_id, channel, reporter_id)
values (:city, 'C1', 'whatsapp', :reporter_id);
insert into inbox (jurisdiction_id, message_id, channel, conversation_id)
values (:city, 'SM1', 'whatsapp', 'C1');
insert into outbound (jurisdiction_id, outbound_id, conversation_id, kind)
values (:city, 'O1', 'C1', 'filed');
insert into subscription (jurisdiction_id, service_request_id, home, conversation_id)
values (:city, 'public', :city, 'C1');
insert into translation (jurisdiction_id, service_request_id, language, text)
    values (:city, 'public', 'en', 'A hole');
insert into model_answer (jurisdiction_id, digest, answer, kept_until)
    values (:city, '1', 'A hole', now());
insert into model_use (jurisdiction_id, day, calls) values (:city, current_date, 1);
insert into layer_upload (jurisdiction_id, upload_id, dataset, mode, about, source, actor)
values (:city, 'L1', 'clinics', 'replace', '{}', '{}', 'account:A');
insert into open_data_file (jurisdiction_id, layer, extension, object_key, size, sha256)
values (:city, 'requests', 'csv', 'K1', 1, 'S1');
insert into hex_rollup values (:city, 8, '', '-infinity', 1, 1, 1, '')
"""


async def fill(settings: Settings, kind: str) -> str:
    """Make a jurisdiction with rows in every table, by the application role as the server does."""
    city = f"{uuid.uuid4().hex[:12]}.{kind}"
    insert = text("""
    insert into jurisdiction (jurisdiction_id, name, time_zone)
    values (:city, 'City', 'Africa/Johannesburg')
    """)
    async with db.connected(settings) as database:
        async with database.shared() as connection:
            await connection.execute(insert, {"city": city})
        async with database.begin(city) as connection:
            await fill_tables(connection, settings, city)
    return city


async def fill_tables(connection: AsyncConnection, settings: Settings, city: str) -> None:
    contact = Contact(email="thandi@example.org", phone="+27825550199")
    row = {"city": city, "reporter_id": await reporters.store(connection, settings, city, contact)}
    for statement in FILL.split(";\n"):
        needed = {name: value for name, value in row.items() if f":{name}" in statement}
        await connection.execute(text(statement), needed)
    await events.record(connection, city, "request.filed", "public", "key:K1")
    await tasks.add(connection, city, "isolation.test", "1", {"to": "nobody"})


@pytest.fixture(scope="session")
async def mine(settings: Settings) -> str:
    """A jurisdiction that the tests leave as it is."""
    return await fill(settings, "mine")


@pytest.fixture(scope="session")
async def theirs(settings: Settings) -> str:
    """Another one."""
    return await fill(settings, "theirs")


@pytest.fixture
async def maps(settings: Settings) -> AsyncIterator[Database]:
    """The map role's connections."""
    made = db.connect(settings, "map")
    yield made
    await made.close()


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """The owner of the schema: to look at the catalogue, and at what is really there."""
    engine = create_async_engine(db.owner_url(settings), poolclass=NullPool)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


@pytest.fixture
def refused(settings: Settings) -> Callable[[Database, str, str], Awaitable[str]]:
    """Run statements in a jurisdiction; the words with which PostgreSQL refuses the last of them.

    `{owner}` stands for the owner of the schema.
    """

    async def try_it(database: Database, city: str, sql: str) -> str:
        statements = sql.format(owner=db.owner_url(settings).username).split("; ")
        with pytest.raises(DBAPIError) as caught:
            await run(database, city, statements)
        return str(caught.value.orig)

    return try_it


async def run(database: Database, city: str, statements: list[str]) -> None:
    async with database.begin(city) as connection:
        for statement in statements:
            await connection.execute(text(statement))
