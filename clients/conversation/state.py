"""The values of a conversation: where it stands, what is heard and said, what is to be done."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from clients.channels.channel import Attached

OTHER = "other"
"""The choice that is none of those listed."""


class Spot(Struct, frozen=True):
    """A place with a name; the point (degrees, WGS84) only where it is the place itself."""

    name: str
    lat: float | None = None
    long: float | None = None


class Question(Struct, frozen=True):
    """What a service must know: a text, or one of some choices (key, name)."""

    code: str
    text: str
    choices: tuple[tuple[str, str], ...] = ()


class Offer(Struct, frozen=True):
    """A service that can be asked for."""

    service_code: str
    name: str
    group: str
    questions: tuple[Question, ...] = ()
    keywords: str = ""


class City(Struct, frozen=True):
    """What a conversation must know of the city that it is held for."""

    jurisdiction_id: str
    name: str
    languages: tuple[str, ...]
    offers: tuple[Offer, ...]
    contact: str
    emergency: str
    shared_by: tuple[tuple[str, str], ...] = ()
    """The cities (id, name) that the number serves, when they are several."""
    categories: tuple[tuple[str, str], ...] = ()
    """Which of its services it chose for categories of messages."""
    suburbs: tuple[str, ...] = ()
    """What is offered to whoever writes no place that is known."""

    def offer(self, service_code: str | None) -> Offer | None:
        """A service by its code."""
        return next((offer for offer in self.offers if offer.service_code == service_code), None)

    @property
    def catch_all(self) -> str | None:
        """The service of what fits no other."""
        codes = (offer.service_code for offer in self.offers)
        return next((code for code in codes if code.upper() == OTHER.upper()), None)


class Draft(Struct, frozen=True):
    """A report that is being made."""

    words: tuple[str, ...] = ()
    service_code: str | None = None
    guesses: tuple[str, ...] = ()
    spot: Spot | None = None
    places: tuple[Spot, ...] = ()
    """The places that may be meant, when they are several."""
    unplaced: str = ""
    """What was written of the place, when it names none that is known."""
    attached: tuple[Attached, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    city: str | None = None
    place_asked: bool = False
    insists: bool = False
    """That it is not the one that was reported before."""

    @property
    def description(self) -> str:
        """All that was written about it."""
        return "\n".join(self.words)

    @property
    def photos(self) -> int:
        """How many photos came with it."""
        return sum(not each.is_recording for each in self.attached)

    @property
    def recordings(self) -> int:
        """How many recordings of what somebody says."""
        return len(self.attached) - self.photos


class File(Struct, frozen=True, tag=True):
    """File a report. `key` makes it one, however often it is tried."""

    key: str
    draft: Draft


class Tell(Struct, frozen=True, tag=True):
    """Tell something about a filed request: a status, words, photos, recordings."""

    key: str
    city: str
    reference: str
    status: str
    words: str | None = None
    attached: tuple[Attached, ...] = ()


class LookUp(Struct, frozen=True, tag=True):
    """Find out how a request stands."""

    key: str
    city: str
    reference: str


Errand = File | Tell | LookUp
"""Something to be done by others before the conversation goes on."""


class Filed(Struct, frozen=True):
    """A report that was filed, or joined."""

    reference: str
    city: str
    service: str
    at: datetime


class State(Struct, frozen=True):
    """Where a conversation stands."""

    language: str = ""
    asked: str = ""
    """The open question, if any: one at a time."""
    options: tuple[str, ...] = ()
    """What the numbers of its answer stand for."""
    draft: Draft = Draft()
    errand: Errand | None = None
    filed: tuple[Filed, ...] = ()
    last: Draft = Draft()
    """The report that was filed last, until it can no longer be changed."""
    greeted: bool = False
    stopped: bool = False
    serial: int = 0
    turn: int = 0
    heard_at: datetime | None = None


class Heard(Struct, frozen=True):
    """What a citizen sent, with what was made of it."""

    at: datetime
    text: str = ""
    spot: Spot | None = None
    attached: tuple[Attached, ...] = ()
    choice: str | None = None
    about: Filed | None = None
    """The request that it answers to, by the message of ours that was replied to."""
    language: str | None = None
    """What it is written in, if that is sure."""
    guesses: tuple[tuple[str, float], ...] = ()
    """The services that it may mean, with how sure that is, the best first."""
    spots: tuple[Spot, ...] = ()
    """The places that it may name."""
    is_danger: bool = False
    city: str | None = None
    """The city that its pin lies in, if the number serves several."""
    is_pin_lost: bool = False
    """That it came late, by a list that tells of no pin, and says nothing else."""


class Silent(Struct, frozen=True):
    """Nothing was heard since a turn."""

    turn: int
    at: datetime


class Done(Struct, frozen=True):
    """What came of an errand."""

    key: str
    outcome: str
    """`clear` (nobody reported it), `filed`, `joined`, `refused`, `outside`, `told`, `found` or
    `unknown`."""
    at: datetime
    reference: str = ""
    service: str = ""
    status: str = ""
    note: str = ""


Event = Heard | Silent | Done


class Reply(Struct, frozen=True):
    """Something to say: a key of the catalogues with its values, and the choices to answer by.

    Of choices and values, those that begin with `@` are keys of the catalogues themselves.
    """

    key: str
    values: dict[str, str] = {}
    choices: tuple[str, ...] = ()
    about: str | None = None


class Turn(Struct, frozen=True):
    """What follows from an event. Replies are one message; `state.errand` is to be done next."""

    state: State
    replies: tuple[Reply, ...] = ()


def say(state: State, *replies: Reply) -> Turn:
    """Answer, with no question left open."""
    return Turn(replace(state, asked="", options=()), replies)


def ask(state: State, question: str, options: tuple[str, ...], *replies: Reply) -> Turn:
    """Answer, and leave a question open."""
    return Turn(replace(state, asked=question, options=options), replies)


def give(state: State, errand: Errand) -> Turn:
    """Have something done; the conversation goes on when it is."""
    serial = state.serial + 1
    numbered = replace(errand, key=str(serial))
    return Turn(replace(state, serial=serial, errand=numbered, asked="", options=()))


def moments_ago(state: State, at: datetime, span: timedelta) -> bool:
    """Whether the last report was filed no longer ago than that."""
    return bool(state.filed) and at - state.filed[-1].at <= span
