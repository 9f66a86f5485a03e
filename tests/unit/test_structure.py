"""Who may import whom, and how long files and functions get."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("open311", "geo", "ingest", "mapserve", "clients", "migrations", "demo", "bench")
# Composition roots put everything together; nobody else imports them.
ROOTS = ("open311.app", "open311.worker", "open311.cli", "open311.commands")
EVERYTHING = ("open311", "geo", "ingest", "mapserve", "clients", "migrations", "demo")
_WORDS = ("open311.settings", "open311.errors", "open311.identifiers", "open311.workflow")
ALLOWED = {
    "geo": ("geo",),
    "open311": ("open311", "geo", "migrations"),
    "mapserve": (
        "mapserve",
        "geo",
        *("open311.settings", "open311.db", "open311.errors", "open311.context"),
        *("open311.jurisdictions", "open311.events", "open311.live", "open311.tasks"),
        *("open311.dates", "open311.forms", "open311.workflow", "open311.extents", "open311.etags"),
        *("open311.rates", "open311.geocoding", "open311.accounts", "open311.audit"),
        "open311.identifiers",
    ),
    "ingest": (
        *("ingest", "geo", "clients.georeport"),
        *("open311.db", "open311.events", "open311.tasks", "open311.breaker"),
        *_WORDS,
    ),
    "clients": ("clients", "geo", "open311"),
    "migrations": ("migrations", "open311.map_tables"),
    "demo": ("demo", "open311", "geo", "ingest"),
    "bench": (*EVERYTHING, "bench"),
}
FORBIDDEN = {
    "clients": ("open311.tables", "open311.map_tables", "open311.db", "sqlalchemy", "asyncpg")
}
COMMANDS_OF_OTHERS = ("ingest.commands",)
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 60

FILES = [path for folder in (*PACKAGES, "tests") for path in sorted((ROOT / folder).rglob("*.py"))]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _is_in(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (_imported(node.module or "", alias.name) for alias in node.names)


def _imported(module: str, name: str) -> str:
    """`from open311 import db` imports open311.db; `from open311.db import connect`, open311.db."""
    path = ROOT.joinpath(*module.split("."), name)
    is_module = path.is_dir() or path.with_suffix(".py").exists()
    return f"{module}.{name}" if is_module else module


SOURCES = [path for path in FILES if path.relative_to(ROOT).parts[0] != "tests"]


@pytest.mark.parametrize("path", SOURCES, ids=_module)
def test_imports_go_one_way(path: Path) -> None:
    module = _module(path)
    package = module.partition(".")[0]
    allowed = EVERYTHING if _is_in(module, ROOTS) else ALLOWED[package]
    for imported in _imports(path):
        if imported.partition(".")[0] in EVERYTHING:
            assert _is_in(imported, allowed), f"{module} imports {imported}"
        if not _is_in(module, (*ROOTS, *COMMANDS_OF_OTHERS, "bench")):
            assert not _is_in(imported, ROOTS), f"{module} imports the root {imported}"
        assert not _is_in(imported, FORBIDDEN.get(package, ())), f"{module} imports {imported}"


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{node.name} has {length} lines"


def test_modules_have_names_of_the_domain() -> None:
    assert not {path.stem for path in FILES} & VAGUE


def test_modules_say_what_they_are_for() -> None:
    written = {path: ast.parse(path.read_text()) for path in FILES if path.stat().st_size}
    silent = [_module(path) for path, tree in written.items() if not ast.get_docstring(tree)]
    assert silent == []


def test_functions_are_small_on_the_whole() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[len(lengths) // 2] <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 40
