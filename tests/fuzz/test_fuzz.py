"""Each decoder deals with five hundred changed inputs as it must; and whoever looks on would see it if one did not.

The same inputs each time, by our own mutator. `make soak` goes on for longer, with a fuzzer that sees what it reaches.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas import NotStrict
from schemas.strict import b64u_decode, b64u_encode, json_decode, json_encode
from tests.fuzz.decoders import NAMES, decoders
from tests.fuzz.engines import Ran, fuzz_plainly, summary
from tests.fuzz.mutator import Mutator
from tests.fuzz.target import Finding, Target, examine
from tests.personas import PEOPLE

ROOT = Path(__file__).parents[2]
INPUTS = 500


@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_takes_what_it_is_given_or_refuses_it(name: str) -> None:
    ran = fuzz_plainly(decoders()[name], 100, 20260302, inputs_max=INPUTS)

    assert ran.findings == [], summary(name, ran)
    assert ran.inputs == INPUTS


@pytest.mark.parametrize("name", NAMES)
def test_it_is_begun_with_something_that_the_decoder_takes(name: str) -> None:
    """Else every input would be refused by the first check, and the others never be met."""
    target = decoders()[name]

    assert any(is_taken(target, seed) for seed in target.seeds)


def is_taken(target: Target, data: bytes) -> bool:
    try:
        target.decode(data)
    except target.refusals:
        return False
    return True


# --- what is planted is found ---


def confused(data: bytes) -> None:
    """A decoder with a mistake three layers in: it adds up what it did not look at."""
    payload = json_decode(data)["payload"] if isinstance(json_decode(data), dict) else ""
    _ = 1 + json_decode(b64u_decode(payload))["count"]


def slow(data: bytes) -> None:
    until = time.process_time() + 1.2
    while time.process_time() < until:
        pass


def greedy(data: bytes) -> None:
    _ = b"x" * (250 * 1_048_576)


def talkative(data: bytes) -> None:
    raise NotStrict(f"cannot read {PEOPLE[0].family}")


def talkative_behind(data: bytes) -> None:
    try:
        talkative(data)
    except NotStrict as error:
        raise NotStrict("cannot be read") from error


def forgiving(data: bytes) -> None:
    """A decoder that takes two spellings of one value."""
    assert b64u_encode(b64u_decode(data.strip().decode("ascii", "replace"))).encode() == data


@pytest.mark.parametrize(
    ("decode", "seed", "found"),
    [
        (confused, json_encode({"payload": b64u_encode(json_encode({"count": 1}))}), "Error raised in"),
        (slow, b"", "took"),
        (greedy, b"", "MB"),
        (talkative, b"", "quotes what was given"),
        (talkative_behind, b"", "quotes what was given"),
        (forgiving, b"AAAA", "AssertionError"),
    ],
)
def test_a_decoder_that_does_otherwise_is_found(decode: Callable[[bytes], None], seed: bytes, found: str) -> None:
    target = Target(decode, (NotStrict,), [seed], [b" "])

    ran = fuzz_plainly(target, 60, 1, inputs_max=20_000)

    assert [found in finding.what for finding in ran.findings] == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux begins the mark of a process anew")
def test_a_decoder_that_takes_much_is_found_in_a_process_that_once_was_larger() -> None:
    greedy(b"")

    finding = examine(Target(greedy, (), [b""]), b"")

    assert finding is not None
    assert "MB" in finding.what


def test_a_decoder_is_not_blamed_for_what_the_process_took_before_it() -> None:
    kept = b"x" * (250 * 1_048_576)

    finding = examine(Target(len, (), [b""]), b"")

    assert finding is None
    assert len(kept) == 250 * 1_048_576


def test_a_finding_is_kept_as_digits_and_nothing_of_it_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = f"the address of {PEOPLE[0].family}".encode()

    finding = examine(Target(lambda given: given[9999], (), [b""]), data)

    assert finding is not None
    said = summary("planted", Ran("mutator", 1, [finding]), tmp_path / ".fuzz")
    (kept,) = (tmp_path / ".fuzz").glob("planted-*.hex")
    assert bytes.fromhex(kept.read_text()) == data
    assert said.startswith("fuzz planted: 1 inputs by mutator, 1 findings; IndexError raised in test_fuzz.py:")
    assert PEOPLE[0].family not in said
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / ".fuzz" / ".gitignore").read_text() == "*\n"


def test_one_seed_makes_one_row_of_inputs() -> None:
    seeds = [b'{"a":[1,2,{"b":"AAAA"}]}', b"x,y\n1,2\n"]
    one, again, other = (Mutator(seeds, [], random.Random(seed)) for seed in (1, 1, 2))

    row = [one.next() for _ in range(200)]

    assert row == [again.next() for _ in range(200)]
    assert row != [other.next() for _ in range(200)]


def test_it_is_run_by_name(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "base64", "0.2", "3"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ran.stdout.splitlines()[-1].startswith("fuzz base64: ")
    assert ran.stdout.endswith(" inputs by mutator, 0 findings\n") or " inputs by atheris, " in ran.stdout


def test_an_input_is_tried_again_from_its_file(tmp_path: Path) -> None:
    file = Finding("planted", b"{" * 9).keep("json", tmp_path)

    ran = subprocess.run([sys.executable, "-m", "tests.fuzz", "json", file], cwd=ROOT, capture_output=True, check=False)

    assert ran.returncode == 1
    assert b"NotStrict" in ran.stderr
