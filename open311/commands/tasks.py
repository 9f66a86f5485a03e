"""`open311 task …`: what workers have to do, what they gave up, and how to try it again."""

import click

from open311 import tasks
from open311.commands.installation import ACTOR, Installation, of_jurisdiction, work_in
from open311.db import Database
from open311.settings import Settings
from open311.tasks import OpenTask


@click.group()
def task() -> None:
    """Work of the queue."""


@task.command("list")
@of_jurisdiction
@click.option("--dead", is_flag=True, help="Only those that were given up.")
@click.pass_obj
def list_tasks(installation: Installation, named: str, dead: bool) -> None:
    """List what is not done: number, state, kind, what about, tries, last failure."""
    states = ("dead",) if dead else tasks.OPEN_STATES

    async def work(_: Settings, db: Database, jurisdiction_id: str) -> list[OpenTask]:
        return await tasks.list_open(db, jurisdiction_id, states)

    for each in work_in(installation, named, work):
        tries, failure = str(each.attempts), each.last_error or ""
        told = (str(each.id), each.state, each.kind, each.dedupe_key, tries, failure)
        click.echo("\t".join(told))


@task.command("replay")
@of_jurisdiction
@click.argument("task_ids", type=int, nargs=-1, required=True)
@click.pass_obj
def replay_tasks(installation: Installation, named: str, task_ids: tuple[int, ...]) -> None:
    """Give dead tasks all their tries again."""

    async def work(_: Settings, db: Database, jurisdiction_id: str) -> None:
        for task_id in task_ids:
            await tasks.replay(db, jurisdiction_id, task_id, ACTOR)

    work_in(installation, named, work)
    click.echo(f"tasks to be done again: {len(task_ids)}")
