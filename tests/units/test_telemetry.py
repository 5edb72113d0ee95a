"""What is logged, traced and measured comes from closed lists, and nobody else's words come out with it.

Whatever sets up a whole process's logging runs in a process of its own.
"""

import json
import logging
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from broker import telemetry
from broker.sealing.entropy import system_entropy
from broker.telemetry import Count, Duration, Event, Span, Unlisted
from schemas import Facts
from tests.personas import PEOPLE, canaries_in, facts

ROOT = Path(__file__).parents[2]
ONYX = PEOPLE[0]
NAME = f"{ONYX.given} {ONYX.family}"

SERVICE = "import logging, sys, threading, warnings\nfrom broker import telemetry\nfrom broker.telemetry import Event\n"


def stderr_of(code: str) -> str:
    """What a process that runs *code* leaves on its standard error."""
    process = subprocess.run(
        [sys.executable, "-c", SERVICE + code], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert process.stdout == ""
    return process.stderr


def lines_of(code: str) -> list[dict[str, Any]]:
    """The same, as the lines of JSON that it must be."""
    return [json.loads(line) for line in stderr_of(code).splitlines()]


# --- the lists --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["name", "person", "kind", "mailbox", "payload", "error", "path"])
def test_a_field_that_is_not_listed_is_a_programming_error(field: str) -> None:
    wrong: dict[str, Any] = {field: "lane-0"}

    with pytest.raises(Unlisted, match=field):
        telemetry.emit(Event.LANE_TAKEN, **wrong)
    with pytest.raises(Unlisted, match=field), telemetry.span(Span.LANE_TURN, **wrong):
        pass
    with pytest.raises(Unlisted, match=field):
        telemetry.count(Count.REQUEST_SERVED, **wrong)


@pytest.mark.parametrize(
    "value", [NAME, "", "x" * 201, "two\nlines", '"', "a@b.example", "café", None, 1.5, b"lane-0", ["lane-0"], {}]
)
def test_a_value_that_is_no_id_count_or_word_is_a_programming_error(value: Any) -> None:
    with pytest.raises(Unlisted) as refused:
        telemetry.emit(Event.LANE_TAKEN, lane=value)
    with pytest.raises(Unlisted), telemetry.span(Span.LANE_TURN, records=value):
        pass

    assert str(refused.value) == "telemetry: `lane` is not listed, or its value is no id, count or word"


def test_a_wrong_field_is_noticed_even_where_its_line_would_not_be_logged() -> None:
    with pytest.raises(Unlisted):
        telemetry.emit(Event.LANE_TAKEN, level=logging.DEBUG - 1, name="Zed")


@pytest.mark.parametrize("label", ["desk", "kind", "area", "mailbox", "person", "lane", "records"])
def test_no_metric_has_a_label_that_would_tell_of_a_rare_event(label: str) -> None:
    wrong: dict[str, Any] = {label: "lane-0"}

    for which in Count:
        with pytest.raises(Unlisted, match=label):
            telemetry.count(which, **wrong)
    for duration in Duration:
        with pytest.raises(Unlisted, match=label):
            telemetry.lasted(duration, 0.1, **wrong)


def test_what_is_listed_is_logged_as_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tellwise")  # the rehearsal of a story leaves it silent
    telemetry.emit(Event.LETTER_MISSING, level=logging.ERROR, desk="elm-ward-housing", expected=4, found=6)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("tellwise", "ERROR")
    assert record.message == '{"desk": "elm-ward-housing", "event": "letter.missing", "expected": 4, "found": 6}'


def test_a_failure_is_logged_by_its_class_and_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tellwise")
    try:
        raise LookupError(NAME) from ValueError(NAME)
    except LookupError as error:
        telemetry.failed(Event.REQUEST_FAILED, error, route="/inbox/{mailbox}")

    (record,) = caplog.records
    line = json.loads(record.message)
    assert line.pop("place").startswith(f"{__name__}:")
    assert line == {"event": "request.failed", "exception": "LookupError", "route": "/inbox/{mailbox}"}
    assert (record.levelname, record.exc_info) == ("ERROR", None)


def test_in_a_service_a_wrong_field_is_dropped_and_counted() -> None:
    (line,) = lines_of(
        f"telemetry.configure()\ntelemetry.emit(Event.LANE_TAKEN, lane='lane-0', name='Zed', reason={NAME!r})\n"
    )

    del line["timestamp"]
    assert line == {"event": "lane.taken", "lane": "lane-0", "level": "info", "dropped": 2}


# --- what libraries log -----------------------------------------------------------------------------------------------

LIBRARIES = [
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "httpx2",
    "httpcore2",
    "asyncio",
    "opentelemetry",
    "any.other",
]


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_of_what_a_library_logs_only_that_it_did_comes_out(level: str) -> None:
    said = stderr_of(
        f"NAME = {NAME!r}\n"
        f"libraries = [logging.getLogger(name) for name in {LIBRARIES}]\n"
        "libraries[0].addHandler(logging.StreamHandler())\n"  # as uvicorn does
        "libraries[2].propagate = False\n"
        f"telemetry.configure(logging.{level})\n"
        "for library in libraries:\n"
        "    library.debug('about %s', NAME)\n"
        "    smuggled = {'person': NAME, 'tellwise_line': {'event': NAME}}\n"
        "    library.warning(f'about {NAME}', stack_info=True, extra=smuggled)\n"
        "    library.error('%d and %d', NAME)\n"  # cannot be put together
        "    try:\n"
        "        raise ValueError(NAME)\n"
        "    except ValueError:\n"
        "        library.exception('about %s', NAME)\n"
    )

    lines = [json.loads(line) for line in said.splitlines()]
    assert len(lines) == (4 if level == "DEBUG" else 3) * len(LIBRARIES)
    assert {line["logger"] for line in lines} == set(LIBRARIES)
    for line in lines:
        assert line["event"] == "library.logged"
        assert line.keys() - {"exception", "place"} == {"event", "level", "logger", "timestamp"}
    assert [(line["exception"], line["place"][:9]) for line in lines if "place" in line] == [
        ("ValueError", "__main__:")
    ] * len(LIBRARIES)
    assert canaries_in(said.encode()) == []


def test_a_warning_does_not_quote_what_it_warns_of() -> None:
    (line,) = lines_of(f"telemetry.configure()\nwarnings.warn({NAME!r})\n")

    assert (line["event"], line["logger"]) == ("library.logged", "py.warnings")


@pytest.mark.parametrize(
    "end",
    [
        "fail()",
        "thread = threading.Thread(target=fail)\nthread.start()\nthread.join()",
        "class Gone:\n    def __del__(self):\n        fail()\nGone()",
    ],
    ids=["process", "thread", "finaliser"],
)
def test_an_exception_that_nobody_caught_is_logged_without_its_message(end: str) -> None:
    said = stderr_of(f"telemetry.configure()\ndef fail():\n    person = {NAME!r}\n    raise KeyError(person)\n{end}\n")

    (line,) = [json.loads(line) for line in said.splitlines()]
    assert (line["event"], line["level"], line["exception"]) == ("fault.escaped", "critical", "KeyError")
    assert line["place"] == "__main__:7"
    assert canaries_in(said.encode()) == []


def test_a_class_with_a_persons_name_is_not_named() -> None:
    (line,) = lines_of(f"telemetry.configure()\nraise type({NAME!r}, (Exception,), {{}})\n")

    assert line["exception"] == "unknown"


class Terminal(StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "is_json"), [(StringIO(), True), (Terminal(), False)], ids=["file", "terminal"])
def test_a_terminal_gets_lines_for_people_and_everything_else_gets_json(
    stream: StringIO, is_json: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tellwise")
    handler = telemetry.log_handler(stream)
    logger = logging.getLogger("tellwise")
    logger.addHandler(handler)
    telemetry.emit(Event.LANE_FENCED, level=logging.WARNING, lane="outbox.http/0")
    logger.removeHandler(handler)

    said = stream.getvalue()
    assert "lane.fenced" in said
    assert "outbox.http/0" in said
    assert said.startswith("{") is is_json


# --- traces of notifications ------------------------------------------------------------------------------------------


def test_no_two_notifications_share_a_trace() -> None:
    traces = [telemetry.fresh_traceparent(system_entropy) for _ in range(1_000)]

    assert len({trace.split("-")[1] for trace in traces}) == len({trace.split("-")[2] for trace in traces}) == 1_000
    assert [Facts.from_bytes(facts(traceparent=trace).to_bytes()).traceparent for trace in traces] == traces
