"""The document that the edge serves, taken at its word: somebody else's tool makes requests of every form that it
allows, and of those that it does not, and looks whether each answer is one that it promises.

The tool is https://schemathesis.io; it asks as nobody, and as each of two desks. It knows nothing of sealing, so it is
given one notification of each desk's own from which it makes others.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.client import Draft
from broker.errors import NotThere
from broker.settings import Http
from tests.faults.county import LANE, ONYX, case_opened, moved, resides
from tests.faults.edge_at_work import AtWork, at_work
from tests.personas import BLACKBURN, POLICE, PRESTON, PROBATION, DeskPersona
from tests.served import Served

SEED, EXAMPLES = 20_260_302, 20
SAYS: dict[str, Draft] = {POLICE.name: moved(ONYX, to=BLACKBURN, old=PRESTON), PROBATION.name: resides(ONYX, PRESTON)}

SETTINGS = """
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 413, 415, 422]

# What fits the form of an event is not sealed yet: the tool cannot know which it should be able to hand over.
[[operations]]
include-path = "/v1/notifications"
checks.positive_data_acceptance.enabled = false

# Nor can it sign a checkpoint.
[[operations]]
include-path-regex = "/seen$"
checks.positive_data_acceptance.enabled = false
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the tool says of its run."""

    status: int
    """0: it found nothing."""
    operations: dict[str, int]
    cases: int
    text: str


async def a_case(here: Served) -> None:
    """Police have opened a case with probation on its team, and said a first thing, so there are entries of both."""
    await here.desks[POLICE.name].publish(case_opened(ONYX))
    await here.desks[POLICE.name].publish(SAYS[POLICE.name])
    await here.tellwise.settled()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtWork]:
    settings = Http(port=0, requests_per_s=100_000, requests_burst=100_000, wait_longest_s=0)
    with at_work(tmp_path_factory.mktemp("edge") / "data", http=settings, before=a_case) as edge:
        edge.skip(POLICE.name, 2)
        yield edge


def own_entry(here: AtWork, desk: DeskPersona) -> int:
    """The place of an entry that is this desk's."""
    for index in range(1_000):
        try:
            here.here.tellwise.ledgers.own_entry(LANE, index, desk.name)
        except NotThere:
            continue
        return index
    raise AssertionError("it has none")


def with_examples(here: AtWork, desk: DeskPersona) -> dict[str, Any]:
    """The document, with what this desk could really ask for and hand over."""
    document: dict[str, Any] = json.loads(here.ask("GET", "/openapi.json").body)
    hub, _, lane = LANE.partition("/")
    known = {
        "hub": hub,
        "lane": lane,
        "mailbox": here.mailbox(desk.name),
        "index": own_entry(here, desk),
        "sizes": "1,2",
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in known:
                    parameter["example"] = known[parameter["name"]]
    event = json.loads(here.event(desk.name, SAYS[desk.name]))
    content = document["paths"]["/v1/notifications"]["post"]["requestBody"]["content"]
    content["application/cloudevents+json"]["examples"] = {"sealed": {"value": event}}
    return document


def tried(here: AtWork, folder: Path, desk: DeskPersona, token: str | None) -> Tried:
    """Let the tool try every operation, with or without a token."""
    (folder / "openapi.json").write_text(json.dumps(with_examples(here, desk)))
    (folder / "schemathesis.toml").write_text(SETTINGS)
    tool = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "--config-file", "schemathesis.toml"]
    run = ["run", "openapi.json", "--url", here.here.url, "--seed", str(SEED)]
    more = [
        "--max-examples",
        str(EXAMPLES),
        "--no-shrink",
        "--continue-on-failure",
        "--report-json-path",
        "report.json",
    ]
    who = [] if token is None else ["--header", f"Authorization: Bearer {token}"]
    ended = subprocess.run(
        [*tool, *run, *more, *who], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    report = json.loads((folder / "report.json").read_text())
    return Tried(ended.returncode, report["operations"], report["test_cases"]["generated"], ended.stdout)


def found_nothing(run: Tried) -> None:
    """It tried everything, and all of it was as it is written."""
    assert run.status == 0, run.text
    assert run.operations["tested"] == run.operations["total"] > 8
    assert run.cases > 200


def test_nobody_is_answered_otherwise_than_is_written(here: AtWork, tmp_path: Path) -> None:
    before = here.taken_to()

    run = tried(here, tmp_path, POLICE, None)

    found_nothing(run)
    assert here.taken_to() == before


@pytest.mark.parametrize("desk", [POLICE, PROBATION], ids=lambda desk: desk.name)
def test_no_desk_is_answered_otherwise_than_is_written(here: AtWork, tmp_path: Path, desk: DeskPersona) -> None:
    before = here.taken_to()

    run = tried(here, tmp_path, desk, here.log_in(desk.name))

    found_nothing(run)
    assert here.taken_to() > before  # it did hand something over
    here.settle()
    assert here.ask("GET", "/ready").status == 200
