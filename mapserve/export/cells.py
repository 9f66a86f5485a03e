"""Values as spreadsheets take them."""

from typing import Any

from open311.dates import format_instant

# what a spreadsheet would take for a formula, and run
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: Any) -> Any:
    """A value as a spreadsheet takes it: a text that would be a formula gets a quote in front."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_instant(value) if hasattr(value, "hour") else value
