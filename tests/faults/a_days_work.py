"""Several people of whom something is said, and what every desk is told of it: the same, whatever a hub stands on."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from broker.client import Draft, OpenedLetter
from schemas import DeskId
from tests.faults.county import County, case_opened, moved, resides
from tests.personas import BLACKBURN, BLACKBURN_CHILDREN, CHORLEY, PEOPLE, POLICE, PRESTON, PROBATION

Told = Counter[tuple[DeskId, object]]
"""How often which desk was told what."""


def sayings() -> Iterator[tuple[DeskId, Draft]]:
    """Who says what, in order. The last of each person is not theirs to say, and is refused."""
    for persona in PEOPLE:
        yield POLICE.name, case_opened(persona)
        yield POLICE.name, moved(persona, to=BLACKBURN, old=PRESTON)
        yield PROBATION.name, resides(persona, CHORLEY)
        yield BLACKBURN_CHILDREN.name, resides(persona, BLACKBURN)


async def a_day(here: County) -> Told:
    """All of it said and heard, one after the other."""
    for who, draft in sayings():
        await here.say(who, draft)
    return as_told(await here.hear())


def as_told(heard: Mapping[DeskId, Sequence[OpenedLetter]]) -> Told:
    """What was heard, whatever it is called and however it was sealed."""
    return Counter(
        (desk, (letter.head.kind, frozenset(letter.compartments), letter.cover.urgency, letter.cover.reasons))
        for desk, letters in heard.items()
        for letter in letters
    )
