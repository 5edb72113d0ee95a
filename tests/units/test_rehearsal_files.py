"""The file that a story stands in: text that is no story, YAML that is a trap, and whatever else is handed over.

Each is refused with one line of text and exit code 2; none of them hangs, and none ends in a traceback.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from broker.rehearsal import ScenarioRefused, StatisticsFile, read_scenario
from tests.units.test_rehearsal_format import STORY, Place, changed, read, refusal, the_part

NO_YAML = "the file: is no YAML, or has a key twice"
TEXT = yaml.safe_dump(STORY, sort_keys=False)
BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" if n else "a0: &a0 [x, x]\n" for n in range(30))
MERGED = "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" if n else "a0: &a0 {x: 1}\n" for n in range(30)
)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("", "the file: is no story"),
        ("# nothing\n", "the file: is no story"),
        ("- a list\n", "the file: is no story"),
        ("&a [*a]", "the file: is no story"),
        (b"\x7fELF\x00\x01\x02\xff", NO_YAML),
        (TEXT.encode("utf-16-be"), NO_YAML),
        (TEXT.replace("team:", "team: []\nteam:"), NO_YAML),
        (TEXT.replace("  risk_rises: true", "  risk_rises: true\n  risk_rises: true"), NO_YAML),
        (TEXT.replace("  risk_rises", "\trisk_rises"), NO_YAML),
        (TEXT + "---\nscenario: another\n", NO_YAML),
        (TEXT.replace("title: ", "title: !!python/name:os.system "), NO_YAML),
        (TEXT.replace("synthetic: true", "synthetic: !!bool perhaps"), NO_YAML),
        (TEXT.replace("synthetic: true", "synthetic: !!timestamp perhaps"), NO_YAML),
        (TEXT.replace("category: 2", "category: !!int ''"), NO_YAML),
        (TEXT.replace("title: ", "title: !!binary "), NO_YAML),
        (TEXT.replace("events:", "events: !!set {x}\nx:"), NO_YAML),
        (TEXT + "more: &a {<<: *a}\n", NO_YAML),
        ("x: &x {<<: *y}\n" + TEXT, NO_YAML),
        ("[" * 100_000, NO_YAML),
        (MERGED + "<<: *a29\n" + TEXT, NO_YAML),
        (BOMB + TEXT, "the file, key `a0`: is unknown"),
        (BOMB + TEXT.replace("id: E1", "id: *a29"), "event `number 1`, key `id`: has no such value"),
        (BOMB + TEXT.replace("title: ", "title: *a29 #"), "the file, key `title`: has no such value"),
        (TEXT + "# " + "x" * 1_048_576, "the file: is longer than 1048576 bytes"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_story_is_refused(file: str | bytes, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, file) == said


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioRefused, match=r"^`nowhere.yaml`, the file: cannot be read: "):
        read_scenario(tmp_path / "nowhere.yaml")
    with pytest.raises(ScenarioRefused, match=r", the file: cannot be read: "):
        read_scenario(tmp_path)


def test_a_date_is_read_with_quotes_and_without(tmp_path: Path) -> None:
    for written in ("2025-03-03", "'2025-03-03'"):
        story = read(
            tmp_path,
            TEXT.replace("at: 2025-03-03T09:00", f"at: {written}").replace("at: '2025-03-03T09:00'", f"at: {written}"),
        )
        assert story.events[0].at.isoformat() == "2025-03-03T00:00:00+00:00"
    for written in ("2025-03-03T09:00", "'2025-03-03T09:00'", "2025-03-03T09:00:00", "2025-03-03 09:00:00"):
        story = read(tmp_path, TEXT.replace("2025-03-03T09:00", written).replace("''", "'"))
        assert story.events[0].at.hour == 9
    assert read(tmp_path, changed(("title",), "x")).title == "x"
    assert read(tmp_path, TEXT.replace("source: invented", "source: 2003-05-14")).source == "2003-05-14"


# --- whatever is written ----------------------------------------------------------------------------------------------

PLACES: list[Place] = []


def collect(value: Any, place: Place = ()) -> None:
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        PLACES.append((*place, key))
        collect(below, (*place, key))


collect(STORY)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=5),
    st.sampled_from(["police", "identity", "E07000123", "E1", "2025-03-03T09:00", "given", "third_party", "true"]),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LEAVES, inner, max_size=3), max_leaves=5
)
CHANGES: list[Callable[[Any, Any, Any], None]] = [
    lambda part, key, value: part.__setitem__(key, value),
    lambda part, key, value: part.__delitem__(key),
    lambda part, key, value: part.append(value) if isinstance(part, list) else part.__setitem__(str(value), value),
    lambda part, key, value: (
        part.insert(0, part[-1])
        if isinstance(part, list)
        else part.__setitem__(value, part[key])
        if isinstance(value, str | int | None)
        else None
    ),
]


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(CHANGES), VALUES), min_size=1, max_size=3))
def test_whatever_is_written_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[Place, Callable[[Any, Any, Any], None], Any]]
) -> None:
    story = copy.deepcopy(STORY)
    for place, change, value in changes:
        try:
            part = the_part(story, place[:-1])
            the_part(part, place[-1:])
            change(part, place[-1], value)
        except (LookupError, TypeError):
            continue  # an earlier change took it away
    readable_or_refused(tmp_path_factory, yaml.safe_dump(story, sort_keys=False).encode())


@given(st.integers(0, len(TEXT)), st.integers(0, 40), st.binary(max_size=6) | st.text(max_size=6).map(str.encode))
def test_whatever_becomes_of_the_bytes_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, lost: int, put: bytes
) -> None:
    data = TEXT.encode()
    readable_or_refused(tmp_path_factory, data[:at] + put + data[at + lost :])


def readable_or_refused(folders: pytest.TempPathFactory, data: bytes) -> None:
    path = folders.getbasetemp() / "mutated.yaml"
    path.write_bytes(data)
    said = "read"
    try:
        read_scenario(path)
    except (ScenarioRefused, StatisticsFile) as refused:
        said = str(refused)
    assert len(said.splitlines()) == 1
