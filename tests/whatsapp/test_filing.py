"""From the first word to the last news of a request: webhook, worker, provider and all."""

import pytest

from tests.whatsapp.citizens import World

pytestmark = pytest.mark.anyio
PIN = {"Latitude": "-33.95", "Longitude": "18.66"}


async def test_words_and_a_pin_become_a_request_and_news_of_it_follow(world: World) -> None:
    assert (await world.send("There is a deep pothole here")).status_code == 200
    await world.work()
    assert "POPIA" in world.said()[0]
    await world.send(**PIN)
    await world.work()
    assert "Pothole" in world.said()[1]
    await world.send("1")
    await world.work()
    (row,) = await world.requests()
    assert row["service_code"] == "POTHOLE"
    assert (row["lat"], row["long"]) == (-33.95, 18.66)
    assert row["channel"] == "whatsapp"
    assert world.reference() == row["service_request_id"]
    await world.move(world.reference(), "fixed", "Filled with tar.")
    assert "fixed" in world.said()[-1]
    assert "Filled with tar." in world.said()[-1]
    await world.send("not fixed")
    await world.work()
    (row,) = await world.requests()
    assert row["status"] == "reopened"


async def test_a_report_by_sms_says_so(world: World) -> None:
    for words in ("There is a deep pothole here", "12 Long Street, next to the school", "1"):
        assert (await world.text(words)).status_code == 200
        await world.work()
    (row,) = await world.requests()
    assert (row["service_code"], row["channel"]) == ("POTHOLE", "sms")


async def test_photos_reach_the_request(world: World) -> None:
    url = world.provider.keep_photo()
    await world.send("pothole", NumMedia="1", MediaUrl0=url, MediaContentType0="image/jpeg")
    await world.send(**PIN)
    await world.work()
    await world.keep_silence()
    (row,) = await world.requests()
    assert len(row["media_urls"]) == 1
    assert row["media_urls"][0].startswith("/media/")
    assert world.provider.seen_tokens_at_the_cdn == [""]
