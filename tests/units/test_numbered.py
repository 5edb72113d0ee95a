"""The numbers of items, and the form in which the directory's items travel: one spelling, in order, nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.numbered import NUMBER_MAX, Numbered, ascend_from, items_of, page_of
from schemas.strict import NotStrict, b64u_encode, json_decode, json_encode


def as_read(items: list[Any]) -> dict[str, Any]:
    """What a desk reads when these members come."""
    read: dict[str, Any] = json_decode(json.dumps({"items": items}))
    return read


def an_item(number: Any, data: Any = "e30") -> dict[str, Any]:
    return {"number": number, "data": data}


@given(st.dictionaries(st.integers(0, NUMBER_MAX), st.binary(max_size=60), max_size=5))
def test_items_come_out_as_they_went_in(by_number: dict[int, bytes]) -> None:
    items = [Numbered(number, by_number[number]) for number in sorted(by_number)]
    page = json_decode(json_encode(page_of(items)))

    assert items_of(page, 0) == items
    assert items_of(page, min(by_number, default=9)) == items


@given(st.lists(st.integers(-1, 6), max_size=4), st.integers(0, 3))
def test_numbers_ascend_from_the_place_that_was_asked_for(numbers: list[int], start: int) -> None:
    assert ascend_from(start, numbers) == (numbers == sorted({number for number in numbers if number >= start}))


def test_the_largest_number_is_one_after_which_everybody_can_ask() -> None:
    assert ascend_from(0, [NUMBER_MAX])
    assert not ascend_from(0, [NUMBER_MAX + 1])
    assert (
        float(NUMBER_MAX + 1) < float(NUMBER_MAX + 2) == float(NUMBER_MAX + 3)
    )  # as readers have it that know doubles


@pytest.mark.parametrize(
    "items",
    [
        [an_item(4), an_item(3)],
        [an_item(3), an_item(3)],
        [an_item(3), an_item(4), an_item(4)],
        [an_item(2), an_item(3)],
        [an_item(0)],
        [an_item(-3)],
        *([an_item(3), an_item(number)] for number in (2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, 10**4_000)),
        *([an_item(3), an_item(number)] for number in (4.0, True, "4", None, [4], 4e0)),
        [an_item(3), an_item(4, None)],
        [an_item(3), an_item(4, 4)],
        [an_item(3), an_item(4, "e30=")],
        [an_item(3), an_item(4, "+/")],
        [an_item(3), {"number": 4}],
        [an_item(3), {"data": "e30"}],
        [an_item(3), an_item(4) | {"more": 1}],
        [an_item(3), b64u_encode(b"{}")],
        [an_item(3), None],
    ],
    ids=range(27),
)
def test_what_is_not_quite_what_was_asked_for_is_refused_whole(items: list[Any]) -> None:
    with pytest.raises(NotStrict):
        items_of(as_read(items), 3)


@pytest.mark.parametrize("number", [True, False, 0.0, 1.0, "0", None])
def test_what_python_takes_for_a_number_and_json_does_not_is_refused(number: Any) -> None:
    with pytest.raises(NotStrict):
        items_of(as_read([an_item(number)]), 0)


@pytest.mark.parametrize(
    "page", [{}, {"items": None}, {"items": "AAAA"}, {"items": {"3": "AAAA"}}, {"items": an_item(3)}]
)
def test_what_is_no_list_of_items_is_refused(page: dict[str, Any]) -> None:
    with pytest.raises(NotStrict):
        items_of(page, 3)
