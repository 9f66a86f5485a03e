"""Load catalogues: make the database say what a jurisdiction's file says, and log what changed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from geoalchemy2.shape import from_shape
from msgspec import Struct
from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events, tables
from open311.catalogue_file import Catalogue, read
from open311.db import Database
from open311.jurisdictions import test_id

__all__ = ["Catalogue", "Changes", "load", "read"]

_LOCK = text("select pg_advisory_xact_lock(hashtext('catalogue ' || :jurisdiction_id))")
_STORED = text("""
select name, time_zone, languages, contact, settings, test_of, municipality_code,
    encode(sha256(st_asbinary(boundary)), 'hex') as boundary
from jurisdiction
where jurisdiction_id = :jurisdiction_id
""")
# Clients compare changesets, so two changes within a second must differ; and rounding up, as the
# column would, puts one into the future.
_MOVE_CHANGESET = text("""
update jurisdiction
set changeset = greatest(date_trunc('second', now()), changeset + interval '1 second')
where jurisdiction_id = :jurisdiction_id
""")
_MOVE_REQUESTS = text("""
update service_request set visibility = :new
where jurisdiction_id = :jurisdiction_id and service_code = :service_code and visibility = :old
""")
_TEAMS = text("""
select team, name, service_codes, groups, areas, wards, active, position,
    st_x(base) as long, st_y(base) as lat
from team where jurisdiction_id = :jurisdiction_id
""")
_STORE_TEAM = text(Path(__file__).with_name("catalogue_team.sql").read_text())
_REMOVE_TEAM = text("""
delete from team where jurisdiction_id = :jurisdiction_id and team = :team
""")
# Granted when every transaction that is writing requests has ended.
_WAIT_FOR_WRITERS = text("lock table service_request in share mode")
_HIDE_LATE = text("""
with hidden as (
    update service_request r set visibility = 'sensitive'
    from service s
    where s.jurisdiction_id = :jurisdiction_id and s.sensitive
        and r.jurisdiction_id = s.jurisdiction_id and r.service_code = s.service_code
        and r.visibility = 'public'
    returning r.service_request_id
)
insert into event (jurisdiction_id, kind, subject, actor, before, after)
select :jurisdiction_id, 'request.hidden', service_request_id, :actor,
    jsonb_build_object('visibility', 'public'), jsonb_build_object('visibility', 'sensitive')
from hidden
""")
_RECORD = text("""
insert into event (jurisdiction_id, kind, subject, actor, before, after)
values (:jurisdiction_id, :kind, :subject, :actor,
    cast(:before as jsonb), cast(:after as jsonb))
""")


class Changes(Struct, frozen=True):
    """What a load changed, by service code; nothing when the file was loaded before."""

    jurisdiction: bool
    added: list[str]
    changed: list[str]
    retired: list[str]
    teams: list[str]
    """Teams that were added, changed or removed."""

    def __bool__(self) -> bool:
        return self.jurisdiction or any((self.added, self.changed, self.retired, self.teams))


async def load(db: Database, catalogue: Catalogue, actor: str = "operator") -> Changes:
    """Make the database say what the catalogue says, and its test endpoint likewise.

    A service that is gone from the file is retired, never deleted: its requests remain.
    """
    rehearsal = msgspec.structs.replace(
        catalogue,
        jurisdiction_id=test_id(catalogue.jurisdiction_id),
        name=f"{catalogue.name} (test)",
    )
    changes = await _load(db, catalogue, None, actor)
    await _load(db, rehearsal, catalogue.jurisdiction_id, actor)
    return changes


async def _load(db: Database, catalogue: Catalogue, test_of: str | None, actor: str) -> Changes:
    jurisdiction_id = catalogue.jurisdiction_id
    log = _Log(jurisdiction_id, actor, [])
    async with db.begin(jurisdiction_id) as connection:
        await connection.execute(_LOCK, {"jurisdiction_id": jurisdiction_id})
        before = await _stored(connection, jurisdiction_id)
        after = _jurisdiction_row(catalogue, test_of)
        if before != after:
            await _store_jurisdiction(connection, catalogue, test_of)
            log.add("jurisdiction", jurisdiction_id, before, after)
        changes = await _load_services(connection, catalogue, before != after, log)
        changes.teams.extend(await _load_teams(connection, catalogue, log))
        if log.events:
            await connection.execute(_MOVE_CHANGESET, {"jurisdiction_id": jurisdiction_id})
            await connection.execute(_RECORD, log.events)
            # maps may have to show less from now on, at once
            await events.announce(connection, jurisdiction_id, None)
    if changes.changed:
        await _hide_late(db, jurisdiction_id, actor)
    return changes


async def _hide_late(db: Database, jurisdiction_id: str, actor: str) -> None:
    """Hide what was filed while its service was becoming sensitive, and did not know it yet.

    Those who file take no lock on their service: many at once would wait for each other.
    """
    async with db.begin(jurisdiction_id) as connection:
        await connection.execute(_WAIT_FOR_WRITERS)
    async with db.begin(jurisdiction_id) as connection:
        names = {"jurisdiction_id": jurisdiction_id, "actor": actor}
        await connection.execute(_HIDE_LATE, names)


async def _stored(connection: AsyncConnection, jurisdiction_id: str) -> dict[str, Any] | None:
    found = await connection.execute(_STORED, {"jurisdiction_id": jurisdiction_id})
    row = found.mappings().one_or_none()
    return dict(row) if row else None


def _jurisdiction_row(catalogue: Catalogue, test_of: str | None) -> dict[str, Any]:
    """What is compared and recorded of a jurisdiction; of the boundary, its digest."""
    boundary = catalogue.boundary
    return {
        "name": catalogue.name,
        "time_zone": catalogue.time_zone,
        "languages": catalogue.languages,
        "contact": catalogue.contact,
        "settings": msgspec.to_builtins(catalogue.settings),
        "test_of": test_of,
        "municipality_code": catalogue.municipality,
        "boundary": boundary and hashlib.sha256(boundary.wkb).hexdigest(),
    }


async def _store_jurisdiction(
    connection: AsyncConnection, catalogue: Catalogue, test_of: str | None
) -> None:
    row = _jurisdiction_row(catalogue, test_of)
    row["boundary"] = catalogue.boundary and from_shape(catalogue.boundary, 4326)
    put = postgresql.insert(tables.jurisdiction).values(
        jurisdiction_id=catalogue.jurisdiction_id, changeset=func.to_timestamp(0), **row
    )
    await connection.execute(
        put.on_conflict_do_update(index_elements=["jurisdiction_id"], set_=row)
    )


async def _load_services(
    connection: AsyncConnection, catalogue: Catalogue, moved: bool, log: "_Log"
) -> Changes:
    found = await connection.execute(
        select(tables.service).where(tables.service.c.jurisdiction_id == catalogue.jurisdiction_id)
    )
    before = {row["service_code"]: dict(row) for row in found.mappings()}
    after = {row["service_code"]: row for row in _service_rows(catalogue)}
    after |= {code: row | {"active": False} for code, row in before.items() if code not in after}
    changes = Changes(moved, [], [], [], [])
    for code, row in after.items():
        was = before.get(code)
        if row == was:
            continue
        await _store_service(connection, row)
        await _move_requests(connection, was, row)
        log.add("service", code, was, row)
        _list_for(changes, was, row).append(code)
    return changes


async def _load_teams(connection: AsyncConnection, catalogue: Catalogue, log: "_Log") -> list[str]:
    """The teams that changed. One that is gone from the file goes; its requests keep its name."""
    names = {"jurisdiction_id": catalogue.jurisdiction_id}
    found = (await connection.execute(_TEAMS, names)).mappings()
    before = {row["team"]: dict(row) for row in found}
    after = {row["team"]: row for row in _team_rows(catalogue)}
    changed = [team for team, row in after.items() if row != before.get(team)]
    gone = [team for team in before if team not in after]
    for team in changed:
        await connection.execute(_STORE_TEAM, names | after[team])
        log.add("team", team, before.get(team), after[team])
    for team in gone:
        await connection.execute(_REMOVE_TEAM, names | {"team": team})
        log.remove("team", team, before[team])
    return changed + gone


def _team_rows(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    for position, team in enumerate(catalogue.teams, 1):
        row = msgspec.to_builtins(team)
        long, lat = row.pop("base") or (None, None)
        service_codes = row.pop("services")
        yield row | {"service_codes": service_codes, "long": long, "lat": lat, "position": position}


def _list_for(changes: Changes, was: dict[str, Any] | None, row: dict[str, Any]) -> list[str]:
    if was is None:
        return changes.added
    return changes.changed if row["active"] else changes.retired


def _service_rows(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    for position, service in enumerate(catalogue.services, 1):
        questions = [a.on_the_wire(order) for order, a in enumerate(service.attributes, 1)]
        yield {
            **msgspec.to_builtins(service),
            "jurisdiction_id": catalogue.jurisdiction_id,
            "attributes": msgspec.to_builtins(questions),
            "position": position,
        }


async def _store_service(connection: AsyncConnection, row: dict[str, Any]) -> None:
    put = postgresql.insert(tables.service).values(row)
    keys = ["jurisdiction_id", "service_code"]
    await connection.execute(put.on_conflict_do_update(index_elements=keys, set_=row))


async def _move_requests(
    connection: AsyncConnection, was: dict[str, Any] | None, row: dict[str, Any]
) -> None:
    """Take a service's requests off the public view when it becomes sensitive, or put them back."""
    if was is None or was["sensitive"] == row["sensitive"]:
        return
    # a service that many requests belong to takes what it takes
    await connection.execute(text("set local statement_timeout = '10min'"))
    old, new = ("public", "sensitive") if row["sensitive"] else ("sensitive", "public")
    names = {name: row[name] for name in ("jurisdiction_id", "service_code")}
    await connection.execute(_MOVE_REQUESTS, {**names, "old": old, "new": new})


class _Log(Struct, frozen=True):
    """The events of one load."""

    jurisdiction_id: str
    actor: str
    events: list[dict[str, Any]]

    def add(
        self, thing: str, subject: str, before: dict[str, Any] | None, after: dict[str, Any]
    ) -> None:
        """Record what changed of a jurisdiction or service: the fields that differ."""
        event = {
            "jurisdiction_id": self.jurisdiction_id,
            "kind": f"{thing}.changed" if before else f"{thing}.added",
            "subject": subject,
            "actor": self.actor,
            "before": None,
            "after": after,
        }
        if before:
            differ = [name for name in after if after[name] != before[name]]
            event["before"] = {name: before[name] for name in differ}
            event["after"] = {name: after[name] for name in differ}
        self._append(event)

    def remove(self, thing: str, subject: str, before: dict[str, Any]) -> None:
        """Record what was there and is no more."""
        self._append(
            {
                "jurisdiction_id": self.jurisdiction_id,
                "kind": f"{thing}.removed",
                "subject": subject,
                "actor": self.actor,
                "before": before,
                "after": None,
            }
        )

    def _append(self, event: dict[str, Any]) -> None:
        for side in ("before", "after"):
            event[side] = msgspec.json.encode(event[side]).decode() if event[side] else None
        self.events.append(event)
