"""The only decoders of base64 and JSON in the tree, and the writer that goes with them.

Python's own are lenient in three ways that would let two spellings stand for one value:
`base64.b64decode(validate=True)` accepts unused trailing bits that are not zero, `urlsafe_b64decode` skips characters
outside the alphabet, and `json.loads` takes the last of two members of one name, and `NaN`. Where bytes are signed,
one value has one spelling.

What is signed or hashed is always the string as it came, never a second serialisation of it (RFC 7515, section 2).
"""

import binascii
import json
from typing import Any, NoReturn

import orjson

JSON_DEPTH_MAX = 8
"""Levels of objects and arrays. The deepest that we send, a compartment's header inside an inbox item, is the fifth."""

_AS_WE_SEND = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

_URL_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")  # what the other alphabet has becomes what none has
_STANDARD_TO_URL = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", b"!", b"==", b"=")  # by length modulo 4; one character too many is no length of any text
_LAST = {2: "AQgw", 3: "AEIMQUYcgkosw048"}
"""The last characters whose unused bits are zero, by length modulo 4 (RFC 4648, section 3.5)."""


class NotStrict(ValueError):
    """These bytes are not the one spelling of any value. Carries no part of them, since an error travels to logs."""


def b64u_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_STANDARD_TO_URL).rstrip(b"=").decode("ascii")


def b64u_decode(text: str, *, size: int | None = None) -> bytes:
    """Undo `b64u_encode`.

    Args:
        text: Base64url without padding.
        size: How many bytes it must hold; None for any number.

    Raises:
        NotStrict: another alphabet, padding, unused bits that are not zero, or another size.
    """
    rest = 0
    try:
        raw = text.encode("ascii").translate(_URL_TO_STANDARD)
        rest = len(raw) & 3
        data = binascii.a2b_base64(raw + _PADDING[rest], strict_mode=True)
    except (UnicodeEncodeError, binascii.Error, AttributeError):
        data = None
    if data is None:  # raised out here: Python's own error holds the text, and would be our __context__
        raise NotStrict("not base64url")
    if rest and text[-1] not in _LAST[rest]:
        raise NotStrict("not the one base64url spelling")
    if size is not None and len(data) != size:
        raise NotStrict(f"not {size} bytes")
    return data


def b64_encode(data: bytes) -> str:
    """Standard base64 with padding, as notes and proofs have it (C2SP signed-note)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def b64_decode(text: str) -> bytes:
    """Undo `b64_encode`.

    Raises:
        NotStrict: another alphabet, wrong padding, or unused bits that are not zero.
    """
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error, AttributeError):
        data = None
    if data is None:
        raise NotStrict("not base64")
    if b64_encode(data) != text:
        raise NotStrict("not the one base64 spelling")
    return data


def json_encode(value: Any) -> bytes:
    """Write JSON as we send it: UTF-8, members sorted by name, no white space, no NaN."""
    try:
        data = orjson.dumps(value, option=_AS_WE_SEND)
    except TypeError:  # what it does not write, the slower writer may
        return _json_encode_slowly(value)
    if b"null" in data and _holds_float(value):  # it writes NaN as null
        return _json_encode_slowly(value)
    return data


def _holds_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_float(member) for member in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_float(item) for item in value)
    return isinstance(value, float)


def _json_encode_slowly(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def json_decode(data: bytes | str) -> Any:
    """Read JSON that may come from anybody.

    Args:
        data: UTF-8, without a byte order mark. White space and the order of members are the sender's affair.

    Raises:
        NotStrict: not UTF-8, not JSON, a member name twice, NaN or an infinity, a lone surrogate, or nested deeper than
            `JSON_DEPTH_MAX`.
    """
    try:
        raw = data.encode("utf-8") if isinstance(data, str) else data
        value = orjson.loads(raw)
        # What was lost in reading, such as a second member of one name, cannot come back in writing. So text that is
        # the very one that we would write needs no other look than at its depth.
        if orjson.dumps(value, option=_AS_WE_SEND) == raw and _is_shallow(value, raw):
            return value
    except ValueError:  # among them orjson's own; not JSON, or JSON that only the slower reader takes
        pass
    except TypeError:
        pass
    return _json_decode_slowly(data)


def _is_shallow(value: Any, raw: bytes) -> bool:
    if raw.count(b"{") + raw.count(b"[") <= JSON_DEPTH_MAX:  # too few in all to be nested deeper
        return True
    level = [value]
    for _ in range(JSON_DEPTH_MAX):
        members = [one.values() if type(one) is dict else one for one in level]
        level = [inner for one in members for inner in one if type(inner) is dict or type(inner) is list]
        if not level:
            return True
    return False


def _json_decode_slowly(data: bytes | str) -> Any:
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_members_once, parse_constant=_no_constant, parse_float=_finite)
    except NotStrict as error:
        why = str(error)
    except (ValueError, RecursionError):
        why = "not JSON"
    else:
        _check_below(value, JSON_DEPTH_MAX)
        return value
    raise NotStrict(why)  # out here: Python's own errors hold all the bytes, and would be our __context__


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrict("a member name twice")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise NotStrict("a number that is none")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):  # 1e999 is valid JSON and no number
        raise NotStrict("a number that is none")
    return number


def _check_below(value: Any, depth_left: int) -> None:
    match value:
        case str():
            _check_text(value)
        case dict() | list() if depth_left == 0:
            raise NotStrict("nested too deeply")
        case dict():
            for name, member in value.items():
                _check_text(name)
                _check_below(member, depth_left - 1)
        case list():
            for item in value:
                _check_below(item, depth_left - 1)


def _check_text(text: str) -> None:
    # "\ud800" is valid JSON and no text: it could not be written again, so it would crash whoever forwards it.
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise NotStrict("a lone surrogate")
