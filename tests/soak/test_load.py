"""A load says what a desk did not get, got twice, or got out of order; and how much memory it took."""

from array import array
from types import SimpleNamespace
from typing import cast

import pytest

from broker.bench.path import World
from schemas import Mailbox
from schemas.strict import b64u_encode
from tests.soak.load import LONG_S, Load, Told, main, memory_grew, number_of

A, B, C, D = (number_of(b64u_encode(bytes([n]) * 16)) for n in range(4))
SENT = [A, B, C]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([A, B, C], []),
        ([A, C], ["desk 0: 1 lost", "desk 0: not in the order in which they came"]),
        ([A, B, B, C], ["desk 0: 1 doubled", "desk 0: not in the order in which they came"]),
        ([A, C, B], ["desk 0: not in the order in which they came"]),
        ([A, B, C, D], ["desk 0: not in the order in which they came"]),
        ([], ["desk 0: 3 lost", "desk 0: not in the order in which they came"]),
    ],
)
def test_what_a_desk_did_not_get_as_it_was_sent_is_said(ids: list[int], words: list[str]) -> None:
    mailbox = Mailbox("m")
    load = Load(cast(World, SimpleNamespace(told=[mailbox])), sent=array("Q", SENT))

    wrong = load.wrong_with(Told(mailbox, array("Q", ids)))

    assert list(wrong) == words


@pytest.mark.parametrize(
    ("seconds", "half_kb", "end_kb", "grew"),
    [
        (LONG_S, 200_000, 200_000, False),
        (LONG_S, 200_000, 209_000, False),
        (LONG_S, 200_000, 211_000, True),
        (LONG_S - 1, 100_000, 300_000, False),
    ],
)
def test_memory_that_grows_over_half_of_a_long_run_is_noticed(
    seconds: float, half_kb: int, end_kb: int, grew: bool
) -> None:
    found = memory_grew(seconds, half_kb, end_kb)

    assert bool(found) is grew


def test_a_load_is_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    code = main("1", "40")

    said = capsys.readouterr().out
    assert said.startswith("load: 40 notifications, 200 letters, ")
    assert said.endswith(" MB at the end, 0 failures\n")
    assert code == 0
