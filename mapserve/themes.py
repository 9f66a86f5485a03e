"""The colours of maps, light and dark, which colour-blind people can tell apart as well."""

from msgspec import Struct


class Theme(Struct, frozen=True):
    """Colours as CSS has them. `ramp` goes from few to many, in even steps of lightness."""

    name: str
    paper: str
    land: str
    line: str
    ink: str
    ramp: tuple[str, ...]
    open: str
    closed: str
    dataset: str


# Steps of viridis (matplotlib, CC0), of which the lightness alone says all; vermilion and blue are
# those of Okabe and Ito. Open and closed differ in shape too: one is filled, the other a ring.
LIGHT = Theme(
    "light",
    paper="#eef1f4",
    land="#ffffff",
    line="#8b98a5",
    ink="#1b1f24",
    ramp=("#d8e219", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154"),
    open="#c1440e",
    closed="#0b5cad",
    dataset="#8a3a86",
)
DARK = Theme(
    "dark",
    paper="#0f141a",
    land="#18202a",
    line="#5b6875",
    ink="#e6edf3",
    ramp=("#453781", "#33638d", "#238a8d", "#29af7f", "#86d549", "#fde725"),
    open="#ff9d5c",
    closed="#79b8ff",
    dataset="#d98fd4",
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}
