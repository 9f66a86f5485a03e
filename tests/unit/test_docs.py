"""The documents say what the code does."""

import re
from pathlib import Path

from open311.commands.server import settings_table

ROOT = Path(__file__).parents[2]


def test_the_settings_are_all_described() -> None:
    assert settings_table() in (ROOT / "docs/operations.md").read_text()


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("demo/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
