"""`open311 train …`: make the models of languages and categories anew."""

import asyncio
from pathlib import Path

import click

from ingest import models
from ingest.category import corrections
from ingest.category import training as categories
from ingest.category.training import Labelled, Measured
from ingest.commands import Installation
from ingest.language import scores
from ingest.language import training as languages
from open311 import db
from open311.errors import Problem
from open311.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TARGET = click.Path(dir_okay=False, path_type=Path)


@click.group()
def train() -> None:
    """Train the models that read messages."""


@train.command("language")
@click.argument("corpora", nargs=-1, required=True, type=_FILE)
@click.option("--test", "tests", multiple=True, type=_FILE, help="Sentences to measure it on.")
@click.option("--output", type=_TARGET, help="Where the model goes; else where it is used.")
def train_language(corpora: tuple[Path, ...], tests: tuple[Path, ...], output: Path | None) -> None:
    """Train the model of languages from CORPORA.

    They are Parquet or CSV files with the columns lang (ISO 639) and text. Each of the eleven
    languages must be there; every other language teaches the model what it does not know.
    """
    target = output or models.FILES["language"]
    try:
        trained = languages.train(corpora, target)
        models.seal(target)
        for language, number in sorted(trained.sentences.items()):
            click.echo(f"{language:>6} {number:7} sentences")
        click.echo(f"{target}: {trained.size} bytes")
        model = models.open_file(target)
        for path in tests:
            _tell_score(path, scores.score(path, model))
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _tell_score(path: Path, scored: scores.Scored) -> None:
    share = scored.right / max(1, scored.sentences)
    click.echo(f"{path.name}: {share:.2%} of {scored.sentences} right")
    for true, taken, number in scored.confused:
        click.echo(f"    {number:5} {true} taken for {taken}")


@train.command("category")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--also", multiple=True, type=_FILE, help="Trained on, but not measured on.")
@click.option("--label", "labels", multiple=True, metavar="THEIRS=OURS", help="May be repeated.")
@click.option(
    "--corrections", "jurisdiction_id", help="A jurisdiction whose staff's corrections are learnt."
)
@click.option("--output", type=_TARGET, help="Where the model goes; else where it is used.")
@click.pass_obj
def train_category(
    installation: Installation,
    files: tuple[Path, ...],
    also: tuple[Path, ...],
    labels: tuple[str, ...],
    jurisdiction_id: str | None,
    output: Path | None,
) -> None:
    """Train the model of categories from FILES of labelled reports.

    They are Parquet or CSV files with the columns text and category, and perhaps lang. A category
    is one of words/categories.csv, one of its groups, or `other` for what reports nothing. A fifth
    is held back and measured on.
    """
    target = output or models.FILES["category"]
    renamed = dict(label.split("=", 1) for label in labels if "=" in label)
    try:
        reports = categories.read_files(files, renamed)
        more = categories.read_files(also, renamed)
        if jurisdiction_id:
            corrected = _corrections(installation, jurisdiction_id)
            click.echo(f"{len(corrected)} corrections of {jurisdiction_id}")
            more += corrected
        measured = categories.train(reports, more, target)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    models.seal(target)
    _tell_measured(measured)


def _corrections(installation: Installation, jurisdiction_id: str) -> list[Labelled]:
    async def read(settings: Settings) -> list[Labelled]:
        async with db.connected(settings) as database:
            return await corrections.read(database, jurisdiction_id)

    try:
        with installation() as settings:
            return asyncio.run(read(settings))
    except Problem as problem:
        raise click.ClickException(" ".join(problem.descriptions)) from None


def _tell_measured(measured: Measured) -> None:
    click.echo(
        f"{measured.tested} held back: accuracy {measured.accuracy:.3f}, macro F1 "
        f"{measured.macro_f1:.3f}, confidences off by {measured.calibration_error:.3f}; "
        f"{measured.size} bytes"
    )
    share, right = measured.sure
    click.echo(f"sure enough to file: {share:.1%}, of those right: {right:.1%}")
    for group, f1 in measured.f1.items():
        taken = measured.confusion[group].items()
        told = ", ".join(f"{other} {n}" for other, n in sorted(taken, key=lambda x: -x[1]))
        click.echo(f"{group:>12} F1 {f1:.2f}: {told}")
