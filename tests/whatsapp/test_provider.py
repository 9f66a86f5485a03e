"""What may go wrong at the provider, and what becomes of messages then: through its real client."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text

from clients.channels.channel import Addressed
from clients.channels.provider import Declined, Provider, Unreachable
from clients.channels.sms import MOST_SEGMENTS, Sms, segments
from clients.conversation import polling
from clients.conversation.desk import Desk
from clients.whatsapp.channel import WhatsApp
from open311 import conversations, erasure
from open311.errors import BadInput
from open311.outbox import Said
from open311.settings import Settings
from tests.whatsapp.citizens import World
from tests.whatsapp.messages import ACCOUNT, CITIZEN, TOKEN, form, ours
from tests.whatsapp.provider import Provider as Fake

pytestmark = pytest.mark.anyio
PIN = {"Latitude": "-33.95", "Longitude": "18.66"}
MESSAGE = {"to": f"whatsapp:{CITIZEN}", "from_": "whatsapp:+27105550100", "body": "Hello"}


def account(fake: Fake) -> Provider:
    return Provider(
        Settings(twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN, twilio_api_url=fake.url)
    )


async def states(world: World) -> list[tuple[str, str | None]]:
    async with world.context.db.begin(world.city) as connection:
        found = await connection.execute(text("select state, error from outbound order by number"))
        return [tuple(row) for row in found]


@pytest.mark.parametrize("fault", [20500, 20429, 0])
async def test_a_fault_that_passes_delays_a_message_and_repeats_none(
    world: World, fault: int
) -> None:
    world.provider.faults = [fault]
    await world.send("help")
    await world.work()
    assert len(world.said()) == 1
    assert await states(world) == [("sent", None)]


async def test_what_the_provider_declines_for_good_is_not_tried_again(world: World) -> None:
    world.provider.faults = [21610]
    await world.send("help")
    await world.work()
    assert world.said() == []
    assert await states(world) == [("failed", "21610")]
    async with world.context.db.begin(world.city) as connection:
        stopped = await connection.execute(text("select stopped_at from conversation"))
        assert stopped.scalar_one() is not None


async def test_what_came_too_late_waits_for_the_citizen(world: World) -> None:
    world.provider.faults = [63016]
    await world.send("help")
    await world.work()
    assert await states(world) == [("held", "63016")]
    await world.send("thanks")
    await world.work()
    assert [state for state, _ in await states(world)] == ["sent", "sent"]
    assert "Tell me in your own words" in world.said()[0]


async def test_after_a_day_a_template_is_used(world: World) -> None:
    settings = msgspec.structs.replace(
        world.context.settings, message_templates=("notice_closed.en=HX" + "1" * 32,)
    )
    world.context.settings = settings
    await world.send("pothole")
    await world.send(**PIN)
    await world.send("yes")
    await world.work()
    reference = world.reference()
    await world.let_pass(25)
    await world.move(reference, "fixed", "Done.")
    sent = world.provider.sent[-1]
    assert sent["ContentSid"] == "HX" + "1" * 32
    assert msgspec.json.decode(sent["ContentVariables"])["1"] == reference


async def test_an_account_that_fails_again_and_again_is_left_alone(provider: Fake) -> None:
    api = account(provider)
    provider.faults = [20500] * 5
    for _ in range(5):
        with pytest.raises(Unreachable):
            await api.send(MESSAGE)
    with pytest.raises(Unreachable) as resting:
        await api.send(MESSAGE)
    assert resting.value.seconds
    assert provider.sent == []


async def test_messages_are_found_by_what_they_say(provider: Fake) -> None:
    api = account(provider)
    since = datetime.now(UTC) - timedelta(hours=1)
    assert await api.find(MESSAGE, since) is None
    sid = await api.send(MESSAGE)
    assert await api.find(MESSAGE, since) == sid
    assert await api.find(MESSAGE | {"body": "Other"}, since) is None


async def test_a_wrong_token_is_declined(provider: Fake) -> None:
    wrong = Settings(
        twilio_account_sid=ACCOUNT, twilio_auth_token="wrong", twilio_api_url=provider.url
    )
    with pytest.raises(Declined):
        await Provider(wrong).send(MESSAGE)


async def test_photos_come_from_the_provider_alone(provider: Fake) -> None:
    api = account(provider)
    upload = await api.fetch(provider.keep_photo(b"a photo"))
    assert upload.content == b"a photo"
    assert provider.seen_tokens_at_the_cdn == [""]
    for url in (
        "https://example.org/photo.jpg",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        provider.url.replace("127.0.0.1", "127.0.0.2") + "/x",
        f"{provider.url}@example.org/x",
    ):
        with pytest.raises(BadInput):
            await api.fetch(url)
    with pytest.raises(Unreachable):
        await api.fetch(f"{provider.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1")


async def test_the_official_address_of_media_means_the_one_of_the_settings(provider: Fake) -> None:
    url = provider.keep_photo(b"a photo").replace(provider.url, "https://api.twilio.com")
    assert (await account(provider).fetch(url)).content == b"a photo"


async def test_what_is_no_photo_stays_away(world: World) -> None:
    url = world.provider.keep_photo(b"no photo at all")
    await world.send("pothole", NumMedia="1", MediaUrl0=url, MediaContentType0="image/jpeg")
    await world.send(**PIN)
    await world.send("yes")
    await world.work()
    (row,) = await world.requests()
    assert row["media_urls"] == []


def miss(world: World, words: str) -> None:
    """Leave a message in the provider's list that the webhook never brought."""
    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    missed = form(world.city, words)
    missed |= {"sid": missed["MessageSid"], "at": now, "direction": "inbound"}
    world.provider.received.append(missed)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("There is a deep pothole here", "If it was a pin, please send it again."),
        ("Daar is 'n diep slaggat in die straat", "As dit 'n speld was, stuur dit asseblief weer."),
        ("Kukhona umgodi omkhulu emgwaqweni", "Ukuba ibiliphini, nceda ulithumele kwakhona."),
    ],
)
async def test_a_pin_that_the_webhook_missed_is_asked_for_again(
    world: World, words: str, told: str
) -> None:
    await world.send(words)
    await world.work()
    miss(world, "")
    assert await polling.poll(Desk(world.context)) == 1
    await world.work()
    assert told in world.said()[-1]
    await world.send(**PIN)
    await world.work()
    miss(world, "")
    assert await polling.poll(Desk(world.context)) == 1
    await world.work()
    assert told not in world.said()[-1]
    await world.send("1")
    await world.work()
    (row,) = await world.requests()
    assert (row["lat"], row["long"]) == (-33.95, 18.66)


async def test_messages_that_the_webhook_missed_are_found(world: World) -> None:
    miss(world, "pothole")
    desk = Desk(world.context)
    assert await polling.poll(desk) == 1
    assert await polling.poll(desk) == 0
    await world.work()
    assert "Where is it?" in world.said()[-1]


async def test_a_person_is_forgotten_here_and_at_the_provider(world: World) -> None:
    await world.send("pothole at my house")
    await world.work()
    async with world.context.db.begin(world.city) as connection:
        reporter_id = (
            await connection.execute(text("select reporter_id from conversation"))
        ).scalar_one()
    assert await erasure.erase(world.context.db, world.city, reporter_id, "staff")
    await world.work()
    assert len(world.provider.deleted) == 2
    async with world.context.db.begin(world.city) as connection:
        for table in ("inbox", "outbound", "conversation"):
            found = await connection.execute(text(f"select sealed from {table}"))
            assert set(found.scalars()) == {None}
    await world.send("hello")
    await world.work()
    assert "POPIA" in world.said()[-1]


async def test_a_few_messages_may_go_at_once_and_then_one_at_a_time(world: World) -> None:
    await world.send("help")
    await world.work()
    async with world.context.db.begin(world.city) as connection:
        found = await connection.execute(text("select conversation_id from conversation"))
        who = found.scalar_one()
        # the clock of a transaction stands still
        await connection.execute(text("update conversation set paced_until = now()"))
        taken = [
            await conversations.pace(connection, world.city, who, 6.0, 10, 30.0) for _ in range(12)
        ]
    assert taken == [True] * 10 + [False] * 2


def test_sms_counts_segments_as_they_are_paid() -> None:
    assert [segments("a" * 160), segments("a" * 161), segments("ž" * 70), segments("ž" * 71)] == [
        *(1, 2, 1, 2)
    ]
    assert segments("€" * 80) == 1
    said = Said("*Reported*: “" + "word " * 400 + "”", "en")
    written = Sms().write(Addressed("+2710", CITIZEN, said, None, "https://x"))
    assert written["body"].startswith('Reported: "word')
    assert segments(written["body"]) <= MOST_SEGMENTS


def test_channels_write_as_the_provider_wants_it() -> None:
    said = Said("Hello", "en", {"1": "a"})
    plain = WhatsApp().write(Addressed("+2710", CITIZEN, said, None, "https://x"))
    assert plain["to"] == f"whatsapp:{CITIZEN}"
    assert plain["body"] == "Hello"
    template = WhatsApp().write(Addressed("+2710", CITIZEN, said, "HX1", "https://x"))
    assert template["content_sid"] == "HX1"
    assert "body" not in template
    assert ours("0123456789ab.test").startswith("+2710")
