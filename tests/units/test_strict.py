"""The strict decoders: one value, one spelling. Each leniency of Python's own decoders has its test."""

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

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
).filter(lambda value: depth(value) <= JSON_DEPTH_MAX)

ALPHABETS = "ABCDEFGHabcdefgh0123456789-_+/=. \n\té"


def depth(value: Any) -> int:
    match value:
        case list():
            return 1 + max(map(depth, value), default=0)
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
    return 0


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@given(st.binary(max_size=80))
def test_bytes_come_back_from_base64url_as_they_were(data: bytes) -> None:
    text = b64u_encode(data)

    assert b64u_decode(text) == data
    assert b64u_decode(text, size=len(data)) == data
    assert "=" not in text


@given(st.text(ALPHABETS, max_size=12))
def test_a_text_that_base64url_accepts_is_the_only_one_for_its_bytes(text: str) -> None:
    try:
        data = b64u_decode(text)
    except NotStrict:
        return

    assert b64u_encode(data) == text


@given(st.binary(max_size=80))
def test_bytes_come_back_from_base64_as_they_were(data: bytes) -> None:
    assert b64_decode(b64_encode(data)) == data


@given(st.text(ALPHABETS, max_size=12))
def test_a_text_that_base64_accepts_is_the_only_one_for_its_bytes(text: str) -> None:
    try:
        data = b64_decode(text)
    except NotStrict:
        return

    assert b64_encode(data) == text


def test_python_itself_would_take_several_spellings_for_one_value() -> None:
    assert base64.b64decode("YWI=", validate=True) == base64.b64decode("YWJ=", validate=True)
    assert base64.urlsafe_b64decode("YW!Jj") == base64.urlsafe_b64decode("YWJj")
    assert json.loads('{"told":false,"told":true}') == {"told": True}
    assert json.loads("NaN") != json.loads("NaN")
    assert json.loads("1e999") == float("inf")


@pytest.mark.parametrize(
    "text",
    [
        "YWJ",  # "ab" is YWI; the last two bits are not zero
        "YR",  # "a" is YQ; the last four bits are not zero
        "A",  # six bits are no byte
        "YWI=",
        "YQ==",
        "YWJj=",
        "YWJj====",
        "+_-A",
        "/_-A",
        "YW Jj",
        "YWJj\n",
        "\nYWJj",
        "YW.Jj",
        "YW!Jj",
        "YWJé",
        "ＹＷＪｊ",
        "YWJj\x00",
    ],
)
def test_another_spelling_of_base64url_is_refused(text: str) -> None:
    with pytest.raises(NotStrict):
        b64u_decode(text)


@pytest.mark.parametrize(
    "text",
    [
        "YWJ=",
        "YR==",
        "YWI",
        "YQ=",
        "YQ===",
        "YWJj=",
        "A===",
        "-_-A",
        "YW Jj",
        "YWJj\n",
        "YWJ\nj",
        "YW=Jj",
        "YWJé",
        "=",
        "====",
    ],
)
def test_another_spelling_of_base64_is_refused(text: str) -> None:
    with pytest.raises(NotStrict):
        b64_decode(text)


@pytest.mark.parametrize("given", [None, 7, 7.5, True, b"YWJj", ["YWJj"], {"YWJj": 1}])
def test_what_is_no_text_is_no_base64(given: Any) -> None:
    with pytest.raises(NotStrict):
        b64u_decode(given)
    with pytest.raises(NotStrict):
        b64_decode(given)


@pytest.mark.parametrize("size", [0, 15, 17, 16 * 4])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    text = b64u_encode(bytes(16))

    with pytest.raises(NotStrict):
        b64u_decode(text, size=size)


@given(VALUE)
def test_a_value_comes_back_from_json_as_it_was(value: Any) -> None:
    data = json_encode(value)

    assert json_decode(data) == value
    assert json_decode(data.decode()) == value
    assert json_encode(json_decode(data)) == data


@given(VALUE)
def test_json_is_written_in_one_spelling(value: Any) -> None:
    data = json_encode(value)

    again = json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert data.decode("utf-8") == again


@given(st.binary(max_size=40) | st.text(max_size=40) | VALUE.map(json.dumps))
def test_whatever_comes_is_read_or_refused_and_nothing_else_happens(data: bytes | str) -> None:
    try:
        value = json_decode(data)
    except NotStrict:
        return

    assert json_decode(json_encode(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"told":false,"told":true}',
        '{"told":true,"told":true}',
        '{"desk":{"told":1,"told":1}}',
        '[{"a":1,"a":1}]',
        r'{"a":1,"\u0061":2}',
        '{"":1,"":2}',
    ],
)
def test_a_member_twice_is_refused_at_every_depth(text: str) -> None:
    with pytest.raises(NotStrict):
        json_decode(text)


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", '{"risk":[1e999]}', '{"risk":NaN}']
)
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(NotStrict):
        json_decode(text)


def test_a_number_too_long_to_read_is_refused_and_no_other_error() -> None:
    with pytest.raises(NotStrict):
        json_decode("9" * 5_000)
    with pytest.raises(NotStrict):
        json_decode('{"seq":-' + "9" * 5_000 + "}")


@pytest.mark.parametrize(
    "text", [r'"\ud800"', r'"\udc00\ud800"', r'{"\udfff":1}', r'[["Dana \uD83D"]]', '"\ud800"', '{"\udfff":1}']
)
def test_a_lone_surrogate_is_refused_wherever_it_stands(text: str) -> None:
    with pytest.raises(NotStrict):
        json_decode(text)


def test_a_surrogate_pair_is_a_character() -> None:
    assert json_decode(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("levels", [JSON_DEPTH_MAX + 1, 100, 200_000])
def test_what_is_nested_too_deeply_is_refused(levels: int) -> None:
    with pytest.raises(NotStrict):
        json_decode(nested(levels))
    with pytest.raises(NotStrict):
        json_decode('{"a":' * levels + "1" + "}" * levels)


def test_what_is_nested_as_deeply_as_may_be_is_read() -> None:
    assert depth(json_decode(nested(JSON_DEPTH_MAX))) == JSON_DEPTH_MAX


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        "\ufeff{}",
        '"Dana"'.encode("utf-16"),
        b"\xff",
        b'"\xc3"',
        b'"\xed\xa0\x80"',  # a surrogate in UTF-8, which is not UTF-8
        b'"\xc0\xaf"',  # an overlong slash
        b"{} {}",
        b"{}x",
        b"{},",
        b"[1,]",
        b"{'a':1}",
        b"{a:1}",
        b'{"a" 1}',
        b'{1:"a"}',
        b"01",
        b"+1",
        b".5",
        b"5.",
        b"0x10",
        b"True",
        b"undefined",
        b'"\n"',
        b'"\x00"',
        b'"\\x41"',
        b'"',
        b"// a remark\n1",
        b"\xa01",
        b"\x0c1",
    ],
)
def test_what_is_no_json_is_refused(data: bytes | str) -> None:
    with pytest.raises(NotStrict):
        json_decode(data)


def test_white_space_and_the_order_of_members_are_the_sender_s_affair() -> None:
    assert json_decode(b' {"b" : 1 ,\r\n\t"a":[ ]} ') == {"a": [], "b": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"\udfff": 1}, {1, 2}, b"bytes"])
def test_what_could_not_be_read_again_is_not_written(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        json_encode(value)


@pytest.mark.parametrize("refuse", [b64u_decode, b64_decode, json_decode], ids=["base64url", "base64", "json"])
@pytest.mark.parametrize("secret", ["Dana Fictional\N{EM DASH}", '{"name":"Dana Fictional",', "Dana Fictional\ud800"])
def test_a_refusal_holds_no_part_of_what_was_refused(refuse: Any, secret: str) -> None:
    with pytest.raises(NotStrict) as refused:
        refuse(secret)

    error: BaseException | None = refused.value
    while error is not None:  # a log may print the whole chain
        assert "Dana" not in repr(error)
        assert "Dana" not in repr(getattr(error, "doc", "")) + repr(getattr(error, "object", ""))
        error = error.__cause__ or error.__context__
