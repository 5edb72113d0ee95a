"""How long each text, list and number may be, and which characters none may hold: those that a person cannot see.

The cases are made from the models' own fields; see test_schemas_models.py.
"""

import pytest

from tests.units.test_schemas_models import EXAMPLES, MODELS, SPOTS, TEXTS, Spot, problems, written

# --- length -----------------------------------------------------------------------------------------------------------

PARAGRAPHS = {
    "Description.appearance",
    "Offence.summary",
    "RiskDetail.triggers",
    "RiskDetail.plan",
    "Intelligence.reports.0",
    "Breach.facts",
    "Victim.wishes",
    "Health.summary",
    "Minutes.text",
    "Minutes.victim_safety",
    "Correction.was_wrong",
    "Correction.is_right",
}
OTHERS = {
    "Contact.telephone": ("0", 3, 20),
    "VictimPerson.telephone": ("0", 3, 20),
    "PersonKey.identifier": ("A", 1, 40),
    "Facts.addressed.0": ("a", 1, 64),
    "Facts.attendees.0": ("a", 1, 64),
    "CaseOpened.team.0": ("a", 1, 64),
    "TeamChanged.add.0": ("a", 1, 64),
    "TeamChanged.remove.0": ("a", 1, 64),
}
ONE_SIZE = {
    "Facts.area",
    "Facts.area_old",
    "Facts.corrects",
    "Facts.traceparent",
    "Address.district",
    "LocationHint.district",
    "CaseOpened.forces.0",
    "LetterAcknowledged.letter",
    "LetterAcknowledged.by",
    "LetterReturned.letter",
    "LetterReturned.by",
}


@pytest.mark.parametrize("spot", [spot for spot in TEXTS if str(spot) not in {*ONE_SIZE, "Address.postcode"}], ids=str)
def test_a_text_is_as_long_as_its_limit_and_no_longer(spot: Spot) -> None:
    letter, shortest, longest = OTHERS.get(str(spot), ("é", 1, 4_000 if str(spot) in PARAGRAPHS else 200))

    for length in (shortest, longest):
        spot.read_with(letter * length)
    for length in (shortest - 1, longest + 1, 100_000):
        assert problems(spot.model, spot.json_with(letter * length))[0].startswith(f"`{spot.path}` string ")


@pytest.mark.parametrize("spot", [spot for spot in TEXTS if str(spot) in ONE_SIZE], ids=str)
def test_a_code_has_one_size(spot: Spot) -> None:
    for other in (spot.value[:-1], spot.value + spot.value[-1], f"{spot.value} ", f"{spot.value}\n", ""):
        assert problems(spot.model, spot.json_with(other)) == (f"`{spot.path}` string pattern mismatch",)


@pytest.mark.parametrize("postcode", ["ZZ99 3VZ", "Z9 9ZZ", "Z99 9ZZ", "ZZ9 9ZZ", "Z9Z 9ZZ", "ZZ9Z 9ZZ"])
def test_a_postcode_in_any_of_the_six_forms_is_taken(postcode: str) -> None:
    Spot(next(model for model in MODELS if model.__name__ == "Address"), "postcode").read_with(postcode)


@pytest.mark.parametrize(
    "postcode",
    [
        "ZZ993VZ",
        "zz99 3VZ",
        "ZZ99 3vz",
        "ZZ99  3VZ",
        "ZZ99 SB",
        "ZZZ9 9ZZ",
        "ZZ99 VZ3",
        "ZZ99 3VZ ",
        " ZZ99 3VZ",
        "ZZ99\u00a03VZ",
        "ZZ٩٩ 3VZ",
    ],
)
def test_a_postcode_in_any_other_form_is_refused(postcode: str) -> None:
    spot = Spot(next(model for model in MODELS if model.__name__ == "Address"), "postcode")

    assert problems(spot.model, spot.json_with(postcode)) == ("`postcode` string pattern mismatch",)


LISTS_MAX = {
    "Facts.addressed": 200,
    "Facts.attendees": 200,
    "Facts.flags": 20,
    "Identity.names": 20,
    "Identity.aliases": 20,
    "Identity.identifiers": 10,
    "Address.lines": 6,
    "VictimPerson.address": 6,
    "Aggregate.counts": 200,
    "CaseOpened.team": 100,
    "CaseOpened.tags": 20,
    "CaseOpened.forces": 10,
    "TeamChanged.add": 100,
    "TeamChanged.remove": 100,
    "CaseTagged.add": 20,
    "CaseTagged.remove": 20,
}


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if isinstance(spot.value, tuple)], ids=str)
def test_a_list_is_as_long_as_its_limit_and_no_longer(spot: Spot) -> None:
    longest = LISTS_MAX.get(str(spot), 20)
    item = written(spot.model)[spot.field][0]
    if isinstance(item, str) and str(spot) in {"Facts.addressed", "Facts.attendees"}:
        spot.read_with([f"{item}-{number}" for number in range(longest)])  # no desk twice
    elif str(spot) != "Facts.flags":
        spot.read_with([item] * longest)

    assert problems(spot.model, spot.json_with([item] * (longest + 1))) == (f"`{spot.field}` too long",)


FEW_AT_LEAST_ONE = {
    "Identity.names",
    "Vehicle.vehicles",
    "Address.lines",
    "RiskSummary.to_whom",
    "RiskDetail.assessments",
    "Conditions.terms",
    "Household.members",
    "Employment.work",
    "Digital.devices",
    "Financial.items",
    "Intelligence.reports",
    "Victim.people",
    "Aggregate.counts",
    "Correction.delete",
    "CaseOpened.forces",
}


@pytest.mark.parametrize("spot", [spot for spot in SPOTS if isinstance(spot.value, tuple)], ids=str)
def test_an_empty_list_is_refused_where_it_would_say_nothing(spot: Spot) -> None:
    if str(spot) in FEW_AT_LEAST_ONE:
        assert problems(spot.model, spot.json_with([])) == (f"`{spot.field}` too short",)
    else:
        assert getattr(spot.read_with([]), spot.field) == ()


@pytest.mark.parametrize(
    ("model", "field", "smallest", "largest"),
    [
        ("Description", "height_cm", 40, 260),
        ("Facts", "seq", 1, 2**53 - 1),
        ("Status", "sentence_months", 1, 1_200),
        ("Count", "number", 0, 2**31 - 1),
        ("LetterAcknowledged", "part", 1, 1_000),
        ("LetterReturned", "part", 1, 1_000),
    ],
)
def test_a_number_lies_between_its_limits(model: str, field: str, smallest: int, largest: int) -> None:
    spot = Spot(next(one for one in MODELS if one.__name__ == model), field)

    for number in (smallest, largest):
        assert getattr(spot.read_with(number), field) == number
    for number in (smallest - 1, largest + 1, -largest, 10**30):
        assert problems(spot.model, spot.json_with(number))[0].startswith(f"`{field}` ")


def test_every_number_has_limits() -> None:
    numbers = {str(spot) for spot in SPOTS if type(spot.value) is int}

    assert numbers == {
        *("Description.height_cm", "Facts.seq", "Status.sentence_months", "Count.number"),
        *("LetterAcknowledged.part", "LetterReturned.part"),
    }


# --- what a person cannot see -----------------------------------------------------------------------------------------

INVISIBLE = (
    "\x00\x07\x08\t\x0b\x0c\r\x1b\x1f\x7f\x80\x85\x9f"  # control characters, an escape of terminals among them
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # turn the direction of what is read
    "\u00ad\u180e\u200b\u200c\u200d\u2060\u2061\u2064\ufeff"  # no width
    "\u2028\u2029\u206a\ufff9\ufffb\ue000\uf8ff\U000e0001\U000e0041\U000f0000"  # line ends, private use, tags
)


@pytest.mark.parametrize("spot", TEXTS, ids=str)
def test_a_character_that_a_person_cannot_see_is_refused(spot: Spot) -> None:
    value = spot.value
    for character in INVISIBLE:
        for text in (value + character, character + value, value[:2] + character + value[2:]):
            found = problems(spot.model, spot.json_with(text))

            assert found in {(f"`{spot.path}` control character",), (f"`{spot.path}` string pattern mismatch",)}
    assert "lone surrogate" in problems(spot.model, spot.json_with(value + "\ud800"))[0]


@pytest.mark.parametrize("spot", TEXTS, ids=str)
def test_only_a_paragraph_has_more_than_one_line(spot: Spot) -> None:
    lines = f"{spot.value}\n{spot.value}"

    if str(spot) in PARAGRAPHS:
        assert spot.read_with(lines) != EXAMPLES[spot.model]
    else:
        assert problems(spot.model, spot.json_with(lines))
        assert problems(spot.model, spot.json_with(f"{spot.value}\n"))


@pytest.mark.parametrize(
    "spot", [spot for spot in TEXTS if str(spot) not in {*ONE_SIZE, *OTHERS, "Address.postcode"}], ids=str
)
def test_a_name_of_any_language_is_taken(spot: Spot) -> None:
    for text in ("Zoë O’Hara-Ní Bhriain", "Łukasz Żółć", "علي", "דוד", "中村 さくら", "15½ High Street, £5 – “flat”"):
        said = spot.read_with(text)

        assert text in said.to_bytes().decode("utf-8")
