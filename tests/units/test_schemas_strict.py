"""One value has one spelling, and what is no spelling is refused without being repeated."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.strict import (
    JSON_DEPTH_MAX,
    NotStrict,
    b64_decode,
    b64_encode,
    b64u_decode,
    b64u_encode,
    json_decode,
    json_encode,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=3),
    max_leaves=8,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(st.binary())
def test_bytes_come_back_from_base64(data: bytes) -> None:
    assert b64u_decode(b64u_encode(data), size=len(data)) == data
    assert b64_decode(b64_encode(data)) == data


@given(st.text("AQgw_-+/=\nBé", max_size=8))
def test_no_bytes_have_two_spellings_in_base64(text: str) -> None:
    for decode, encode in ((b64u_decode, b64u_encode), (b64_decode, b64_encode)):
        try:
            data = decode(text)
        except NotStrict:
            continue
        assert encode(data) == text


@pytest.mark.parametrize(
    "text", ["AA==", "AA=", "AB", "A", "A+", "A/", "A A", "AA\n", "\nAA", "A\u0410", "AA\x00", "ＡＡ", None, 7, b"AA"]
)
def test_base64url_that_is_almost_right_is_refused(text: Any) -> None:
    with pytest.raises(NotStrict):
        b64u_decode(text)


@pytest.mark.parametrize(
    "text", ["AA", "AA=", "AB==", "A", "A-==", "A_==", "AA==\n", " AA==", "AA====", "ＡＡ==", None, 7]
)
def test_base64_that_is_almost_right_is_refused(text: Any) -> None:
    with pytest.raises(NotStrict):
        b64_decode(text)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_base64url_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(NotStrict):
        b64u_decode(b64u_encode(bytes(16)), size=size)


@given(json_values)
def test_json_comes_back_as_it_was_written(value: Any) -> None:
    if depth(value) <= JSON_DEPTH_MAX:
        assert json_decode(json_encode(value)) == value
        assert json_encode(json_decode(json_encode(value))) == json_encode(value)


def test_json_is_written_in_one_way() -> None:
    assert json_encode({"b": [1, None, True], "a": "é\n"}) == '{"a":"é\\n","b":[1,null,true]}'.encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_encode({"n": number})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{} x",
        b"{'a':1}",
        b'{"a":1,}',
        b"[1,]",
        b"01",
        b"+1",
        b"// a comment\n{}",
        b'"\t"',
        b'"\x00"',
        b'"\\x41"',
        b'\xef\xbb\xbf{"a":1}',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b'{"a":NaN}',
        b"1e999",
        b"-1e999",
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'["x","\\ud800\\ud800"]',
        b"1" * 5_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda data: repr(data[:16]),
)
def test_what_is_no_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(NotStrict):
        json_decode(data)


@pytest.mark.parametrize(
    "data",
    [
        '{"a":1,"a":1}',
        '{"a":1,"b":2,"a":3}',
        '{"a":1,"\\u0061":2}',
        '{"x":{"a":1,"a":2}}',
        '[{"a":null,"a":null}]',
        '{"":1,"":2}',
    ],
)
def test_a_member_name_twice_is_refused_wherever_it_stands(data: str) -> None:
    with pytest.raises(NotStrict, match="twice"):
        json_decode(data)


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_json_is_as_deep_as_the_limit_and_no_deeper(brackets: str) -> None:
    def nested(levels: int) -> str:
        value: Any = 1
        for _ in range(levels):
            value = [value] if brackets == "[]" else {"a": value}
        return json.dumps(value)

    json_decode(nested(8))
    with pytest.raises(NotStrict, match="deep"):
        json_decode(nested(9))
    assert JSON_DEPTH_MAX == 8


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert json_decode(b'"\\ud83d\\ude00"') == "\U0001f600"


CANARY = "Synthetic-Onyx"


@pytest.mark.parametrize(
    ("decode", "given"),
    [
        (json_decode, b'\xff{"name":"Synthetic-Onyx"}'),
        (json_decode, b'{"name":"Synthetic-Onyx"'),
        (json_decode, b'{"name":Synthetic-Onyx}'),
        (json_decode, b'{"Synthetic-Onyx":1,"Synthetic-Onyx":2}'),
        (json_decode, b'{"Synthetic-Onyx":NaN}'),
        (json_decode, b'{"Synthetic-Onyx":"\\ud800"}'),
        (json_decode, b'{"Synthetic-Onyx":[[[[[[[[[1]]]]]]]]]}'),
        (b64u_decode, "Synthetic-Onyx, é"),
        (b64u_decode, "Synthetic-Onyx="),
        (b64_decode, "Synthetic-Onyx, é"),
        (b64_decode, base64.b64encode(b"1").decode() + "Synthetic-Onyx"),
    ],
)
def test_a_refusal_holds_no_part_of_what_was_given_and_nor_does_any_error_behind_it(decode: Any, given: Any) -> None:
    with pytest.raises(NotStrict) as refused:
        decode(given)

    error: BaseException | None = refused.value
    while error is not None:
        assert CANARY not in repr(error) + str(error) + repr(error.args) + repr(vars(error))
        for held in ("doc", "object"):  # where Python's own decode errors keep all that they were given
            assert not hasattr(error, held)
        error = error.__cause__ or error.__context__
