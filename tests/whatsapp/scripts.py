"""Read and play the conversations in `tests/conversations`; its README says how to write them."""

import re
from pathlib import Path
from zlib import crc32

from tests.whatsapp.citizens import World

VOICE = Path(__file__).parent / "recordings" / "voice.ogg"
FOLDER = Path(__file__).parents[1] / "conversations"
SCRIPTS = sorted(FOLDER.glob("*.txt"))
_LINE = re.compile(r"(\w*)([><~=])\s*(.*)")
_PART = re.compile(r"\[(\w+)\s*([^\]]*)\]\s*(.*)")


_HEADERS = ("languages:", "suburbs:")


def languages(script: Path) -> list[str]:
    """The languages that a script wants its city to have."""
    return _listed(script, "languages") or ["en"]


def suburbs(script: Path) -> list[str]:
    """The suburbs that a script wants its city to offer."""
    return _listed(script, "suburbs")


def _listed(script: Path, header: str) -> list[str]:
    found = re.search(rf"^{header}:(.*)$", script.read_text(), re.MULTILINE)
    return [each.strip() for each in found.group(1).split(",")] if found else []


class Player:
    """One run of a script."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.heard: dict[str, int] = {}

    async def play(self, name: str, lines: list[str]) -> None:
        """Say each line that is to be said; raises AssertionError at what comes back otherwise."""
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith(("#", *_HEADERS)):
                continue
            match = _LINE.fullmatch(line.strip())
            assert match, f"{name}:{number} cannot be read: {line}"
            who, sign, rest = match.groups()
            try:
                await self._do(who, sign, rest)
            except AssertionError as error:
                raise AssertionError(f"{name}:{number} {line}\n{error}") from None

    async def _do(self, who: str, sign: str, rest: str) -> None:
        sender = number_of(who)
        if "{reference}" in rest:
            rest = rest.replace("{reference}", self.world.reference(sender))
        match sign:
            case ">":
                self.heard[sender] = len(self.world.said(sender))
                await self._say(sender, rest)
            case "<":
                self._expect(sender, rest)
            case "~":
                for each in (number_of(""), number_of("B")):
                    self.heard[each] = len(self.world.said(each))
                await self._let_happen(sender, rest)
            case "=":
                await self._check(rest)

    async def _say(self, sender: str, rest: str) -> None:
        part = _PART.fullmatch(rest)
        kind, what, words = part.groups() if part else ("", "", rest)
        more = self._more(kind, what, sender)
        answer = await self.world.send(words, sender, **more)
        assert answer.status_code == 200
        await self.world.work()

    def _more(self, kind: str, what: str, sender: str) -> dict[str, str]:
        match kind:
            case "":
                return {}
            case "pin":
                lat, long, *label = what.split(" ", 2)
                named = {"Label": label[0]} if label else {}
                return {"Latitude": lat, "Longitude": long} | named
            case "photo":
                return media(self.world.provider.keep_photo(), "image/jpeg")
            case "voice":
                return media(self.world.provider.keep_photo(VOICE.read_bytes()), "audio/ogg")
            case "button":
                return {"ButtonPayload": what, "MessageType": "button"}
            case "reply":
                told = self.world.messages(sender)
                return {"OriginalRepliedMessageSid": told[int(what) - 1]["sid"]}
        raise AssertionError(f"[{kind}] is not known")

    def _expect(self, sender: str, words: str) -> None:
        new = self.world.said(sender)[self.heard.get(sender, 0) :]
        if words == "(nothing)":
            assert new == []
        else:
            assert words in "\n".join(new), f"came back: {new}"

    async def _let_happen(self, sender: str, rest: str) -> None:
        if rest == "silence":
            await self.world.keep_silence()
        elif rest.startswith("staff "):
            _, status, note = rest.split(" ", 2)
            await self.world.move(self.world.reference(sender), status, note)
        else:
            await self.world.let_pass(float(rest.split()[0]))

    async def _check(self, rest: str) -> None:
        rows = await self.world.requests()
        last = rows[-1] if rows else {}
        match rest.split(" "):
            case [number] if number.isdigit():
                assert len(rows) == int(number), rows
            case ["place", lat, long]:
                assert (last["lat"], last["long"]) == (float(lat), float(long))
            case ["address", *words]:
                assert " ".join(words) in (last["address"] or "")
            case ["photos", number]:
                assert len(last["media_urls"]) == int(number)
            case [service, status, *words]:
                assert (last["service_code"], last["status"]) == (service, status)
                assert " ".join(words) in (last["description"] or "")


def number_of(who: str) -> str:
    """The phone number of a citizen by name."""
    return f"+2782{crc32(who.encode()) % 10_000_000:07d}"


def media(url: str, kind: str) -> dict[str, str]:
    return {"NumMedia": "1", "MediaUrl0": url, "MediaContentType0": kind}
