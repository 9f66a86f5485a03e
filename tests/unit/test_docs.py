"""The documents say what the code does."""

import re
from pathlib import Path

from msgspec.structs import fields

from open311.commands.server import settings_table
from open311.jurisdictions import JurisdictionSettings

ROOT = Path(__file__).parents[2]


def test_the_settings_are_all_described() -> None:
    assert settings_table() in (ROOT / "docs/operations.md").read_text()


def test_what_a_city_sets_is_described() -> None:
    described = (ROOT / "docs/catalogue.md").read_text().partition("### settings")[2]
    rows = set(re.findall(r"^\| `(\w+)` \|", described.partition("\n## ")[0], re.MULTILINE))
    assert rows == {field.name for field in fields(JurisdictionSettings)}


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("demo/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
