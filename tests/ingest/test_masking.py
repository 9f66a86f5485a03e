"""What of a report leaves the installation."""

import pytest

from ingest.advice.masking import mask


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Call 082 555 0199 please", "Call [phone] please"),
        ("Call +27 (82) 555-0199", "Call [phone]"),
        ("bel 0027825550199 asb", "bel [phone] asb"),
        ("write to t.mokoena@example.co.za.", "write to [e-mail]."),
        ("ID 8001015009087 of mine", "ID [identity number] of mine"),
        ("ID 800101 5009 087", "ID [identity number]"),
        ("meter 14282938475 is off", "meter [number] is off"),
        ("my account no 210 345 6789 0", "my account no [number]"),
        ("My name is Thabo Mokoena. No water", "My name is [name]. No water"),
        ("igama lami nguThabo, amanzi awekho", "igama lami ngu[name], amanzi awekho"),
        ("NdinguNomsa Dlamini kaloku", "Ndingu[name] kaloku"),
        ("my naam is Piet van der Merwe", "my naam is [name]"),
    ],
)
def test_what_says_who_wrote_it_is_taken_out(said: str, left: str) -> None:
    assert mask(said) == left


@pytest.mark.parametrize(
    "said",
    [
        "Pothole at 112 Long Street, 8001",
        "pole 45678, dark since 2026-11-20",
        "Amanzi awekho eGugulethu NY 110 kusukela ngo 06:30",
    ],
)
def test_what_staff_need_stays(said: str) -> None:
    assert mask(said) == said


def test_the_names_known_of_the_writer_are_taken_out_wherever_they_are() -> None:
    said = mask(
        "Sipho here, SIPHO KHUMALO from no. 4. Siphokazi is my neighbour", ["Sipho Khumalo"]
    )
    assert said == "[name] here, [name] from no. 4. Siphokazi is my neighbour"
