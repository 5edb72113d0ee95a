"""What lies in an inbox or in the directory, each with its own number there, and the form in which the directory's
travels over HTTP.

Numbers ascend, and say no more than that: there may be gaps. A letter that is missing shows by the count in the covers,
an event of the directory by the checkpoint over it. Both sides of the form stand here.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from schemas.strict import NotStrict, b64u_decode, b64u_encode

NUMBER_MAX = 2**53 - 2
"""The next place to read from, one more, is the largest integer that every reader of JSON has (RFC 8259, section 6)."""


class Numbered(NamedTuple):
    """One item of an inbox, or of the directory."""

    number: int
    """Higher than those of the items before it. Whoever has taken the item reads on from the next number."""
    data: bytes


def ascend_from(start: int, numbers: Iterable[int]) -> bool:
    """Whether items that were asked for from *start* on may have these numbers, in this order."""
    last = start - 1
    for number in numbers:
        if not last < number <= NUMBER_MAX:
            return False
        last = number
    return True


def page_of(items: Sequence[Numbered]) -> dict[str, Any]:
    """The answer, as members of its JSON, that carries these items of the directory."""
    return {"items": [{"number": number, "data": b64u_encode(data)} for number, data in items]}


def items_of(page: dict[str, Any], start: int) -> list[Numbered]:
    """The items of the directory that an answer carries.

    Args:
        page: The members of its JSON.
        start: The number from which on they were asked for.

    Raises:
        NotStrict: not the form of such an answer, or not numbers that ascend from *start*.
    """
    listed = page.get("items")
    if not isinstance(listed, list):
        raise NotStrict("not a list of items")
    items = [_item(item) for item in listed]
    if not ascend_from(start, (item.number for item in items)):
        raise NotStrict("not the items that were asked for")
    return items


def _item(item: Any) -> Numbered:
    match item:
        case {"number": int(number), "data": str(data), **more} if not more and not isinstance(number, bool):
            return Numbered(number, b64u_decode(data))
    raise NotStrict("not an item")
