"""A story as it is written: one invented person, the desks around them, and events in time order.

A reader accepts what README.md names and refuses everything else, naming the file, the event and the key.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from broker.errors import TellwiseError
from policies.disclosure import MANAGERS, RANKS, OffenderConsent
from schemas import (
    COMPARTMENTS,
    AreaCode,
    Category,
    DeskType,
    Label,
    Level,
    Risk,
    UnknownArea,
    Urgency,
    area_table,
)

LONDON = ZoneInfo("Europe/London")
_BYTES_MAX = 1_048_576
_STATISTICS = {
    "area",
    "period",
    "recipe",
    "counting_rules",
    "expected",
    "derived_checks",
    "other_reports",
    "small_numbers",
}
_MOMENT = re.compile(r"(19[89][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?", re.ASCII)
_AREA_CODE = re.compile(r"[A-Z][0-9]{8}", re.ASCII)
_COMMON = {"scenario", "title", "synthetic", "source"}


class ScenarioRefused(TellwiseError):
    """A story cannot be read. The text names the file, and the event and the key where there is one."""

    next_step = "Correct the file; broker/rehearsal/README.md says what it may hold."

    def __init__(self, path: Path, where: str, what: str) -> None:
        super().__init__(f"`{path.name}`, {where}: {what}")


class StatisticsFile(TellwiseError):
    """The file has no events: it asks for a statistical table, which is not played."""

    next_step = "Nothing is to be played; a report over a stream of events answers it."

    def __init__(self, path: Path) -> None:
        super().__init__(f"`{path.name}` holds statistics and no events")


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value  # YAML 1.1 turns some dates into dates


def _moment(value: Any) -> Any:
    text = str(value.isoformat() if isinstance(value, date) else value) if isinstance(value, str | date) else ""
    if not _MOMENT.fullmatch(text):
        raise ValueError("no local time")
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def _label(value: Any) -> Any:
    if value not in [label.value for label in COMPARTMENTS if label is not Label.CONTACT]:
        raise ValueError("unknown compartment")
    return Label(value)


def _whole(value: Any) -> Any:
    if type(value) is not int:
        raise ValueError("no whole number")
    return value


def _true(value: Any) -> Any:
    if value is not True:
        raise ValueError("not true")
    return value


def _served(value: Any) -> Any:
    if isinstance(value, str) and _AREA_CODE.fullmatch(value) and value not in area_table().known:
        return _district(value)  # a former district stands for its successor
    return value


def _district(value: Any) -> Any:
    if isinstance(value, str):
        try:
            area_table().present(AreaCode(value))
        except UnknownArea:
            raise ValueError("unknown district") from None
    return value


Text = Annotated[str, BeforeValidator(_text)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Labels = tuple[Annotated[Label, BeforeValidator(_label)], ...]
District = Annotated[str, BeforeValidator(_district)]
Flag = Annotated[bool, Strict()]
"""Only `true` and `false`: what looks like one of them is a slip of the pen."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Subject(_Part):
    """The invented person, and the case at the start."""

    key: Annotated[str, Field(pattern=r"^[A-Z0-9-]{1,40}$")]
    sex: Literal["M", "F"] | None = None
    age_band: Text | None = None
    category: Annotated[Category, BeforeValidator(_whole)] = Category.REGISTERED_SEXUAL
    level: Annotated[Level, BeforeValidator(_whole)] = Level.ORDINARY
    risk: Risk = Risk.LOW
    tags: tuple[str, ...] = ()


class Agency(_Part):
    """One desk."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$", max_length=64)]
    type: DeskType | Literal["third_party"]
    """A third party is never a desk; the story may name one, so that it can say that they hear nothing."""
    serves: tuple[Annotated[Text, BeforeValidator(_served)], ...] | None = None
    signed: Flag = True


class Ack(_Part):
    """The class and the moment of the most urgent letter."""

    urgency: Urgency
    due: Moment


class Disclosure(_Part):
    """A decision to tell somebody outside."""

    to: str
    count: Annotated[int, Strict()] = Field(default=1, ge=1)
    consent: OffenderConsent
    authority: Literal[*RANKS, *MANAGERS]  # type: ignore[valid-type]
    imminent: Flag = False
    csc_consulted: Flag = False
    content: Labels
    reasons: Text = ""
    expect: str


class Event(_Part):
    """Something that happens: a notification, a decision to tell somebody outside, or both."""

    id: Text
    at: Moment
    by: str
    type: str | None = None
    carries: Labels = ()
    area: District | None = None
    area_old: District | None = None
    addressed: tuple[str, ...] = ()
    attendees: tuple[str, ...] = ()
    corrects: Text | None = None
    flags: tuple[str, ...] = ()
    risk_rises: Flag = False
    consent_health: Literal["given", "caldicott"] | None = None
    team_add: tuple[str, ...] = ()
    team_remove: tuple[str, ...] = ()
    tags_add: tuple[str, ...] = ()
    tags_remove: tuple[str, ...] = ()
    risk: Risk | None = None
    level: Annotated[Level, BeforeValidator(_whole)] | None = None
    deliver: dict[str, Labels] = Field(default_factory=dict)
    never: tuple[str, ...] = ()
    never_compartments: dict[str, Labels] = Field(default_factory=dict)
    ack: Ack | None = None
    disclosure: Disclosure | None = None
    assumption: Flag = False
    note: Text | None = None
    check: Text | None = None

    def desks(self) -> Iterator[tuple[str, str]]:
        """Every desk that the event names, with the key under which it does."""
        yield "by", self.by
        for key in ("addressed", "attendees", "team_add", "team_remove", "deliver", "never", "never_compartments"):
            for desk in getattr(self, key):
                yield key, desk


class Scenario(_Part):
    """A story."""

    scenario: Text
    title: Text
    synthetic: Annotated[Literal[True], BeforeValidator(_true)]
    source: Text | None = None
    from_the_report: Text | None = None
    our_choices: Text | None = None
    subject: Subject
    agencies: Annotated[tuple[Agency, ...], Field(min_length=1)]
    team: tuple[str, ...]
    events: Annotated[tuple[Event, ...], Field(min_length=1)]
    final: dict[str, Any] = Field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """YAML without the leniency: plain values alone, a key twice is an error, and no merging of mappings.

    Mappings merged into each other ten at a time would grow past any memory.
    """

    yaml_constructors: ClassVar[dict[Any, Any]] = {
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in {"null", "bool", "int", "float", "timestamp", "str", "seq", "map"}
    }

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.MarkedYAMLError(problem="a merged mapping", problem_mark=node.start_mark)
        super().flatten_mapping(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            raise yaml.MarkedYAMLError(problem="a key twice", problem_mark=node.start_mark)
        return mapping


def read_scenario(path: Path) -> Scenario:
    """Read a story.

    Raises:
        ScenarioRefused: it cannot be read; the text names the file, the event and the key.
        StatisticsFile: it has no events.
    """
    try:
        data = path.read_bytes()
        if len(data) > _BYTES_MAX:
            raise ScenarioRefused(path, "the file", f"is longer than {_BYTES_MAX} bytes")
        value = _Loader(data).get_single_data()
    except OSError as error:
        raise ScenarioRefused(path, "the file", f"cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError):  # a tag on what it does not fit
        raise ScenarioRefused(path, "the file", "is no YAML, or has a key twice") from None
    if not isinstance(value, dict):
        raise ScenarioRefused(path, "the file", "is no story")
    if "events" not in value:
        _refuse_statistics(path, value)
    try:
        scenario = Scenario.model_validate(value)
    except ValidationError as error:
        raise _refused(path, value, error) from None
    _check(path, scenario)
    return scenario


def _refuse_statistics(path: Path, value: dict[str, Any]) -> None:
    if value.get("synthetic") is not True:
        raise ScenarioRefused(path, "key `synthetic`", "is not true: real people are not played")
    unknown = [
        key for key in value if key not in _COMMON | _STATISTICS and not str(key).startswith("expected_at_cut_off_")
    ]
    if unknown:
        raise ScenarioRefused(path, f"key `{_shown(unknown[0])}`", "is unknown")
    raise StatisticsFile(path)


def _refused(path: Path, value: dict[str, Any], error: ValidationError) -> ScenarioRefused:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    steps = list(problem["loc"])
    if steps[:1] == ["agencies"] and steps[2:3] == ["type"]:
        steps = steps[:3]  # the rest says of which of the two it is none
    where, keys = "the file", steps
    if steps[:1] == ["events"] and len(steps) > 1 and isinstance(steps[1], int):
        event = value["events"][steps[1]]
        name = event.get("id") if isinstance(event, dict) else None
        where = f"event `{_shown(name) if isinstance(name, str | int) else f'number {steps[1] + 1}'}`"
        keys = steps[2:]
    key = ".".join(_shown(step) for step in keys) or "itself"
    what = {"extra_forbidden": "is unknown", "missing": "is missing"}.get(problem["type"], "has no such value")
    return ScenarioRefused(path, f"{where}, key `{key}`", what)


def _shown(name: object) -> str:
    """A key or id for one line of text; nothing that is neither, and nothing that is too long."""
    text = str(name)[:80] if isinstance(name, str | int | float | date | None) else "?"
    return text if text.isprintable() else "?"


def _check(path: Path, scenario: Scenario) -> None:
    desks = [agency.id for agency in scenario.agencies]
    if len(set(desks)) != len(desks):
        raise ScenarioRefused(path, "key `agencies`", "names a desk twice")
    for desk in scenario.team:
        if desk not in desks:
            raise ScenarioRefused(path, "key `team`", f"names `{_shown(desk)}`, which is no desk here")
    seen: dict[str, Event] = {}
    before: Event | None = None
    for event in scenario.events:
        where = f"event `{_shown(event.id)}`"
        if event.id in seen:
            raise ScenarioRefused(path, f"{where}, key `id`", "is there twice")
        if before is not None and event.at < before.at:
            raise ScenarioRefused(path, f"{where}, key `at`", "is earlier than the event before")
        if event.type is None and event.disclosure is None:
            raise ScenarioRefused(path, f"{where}, key `type`", "is missing, and so is `disclosure`")
        for key, desk in event.desks():
            if desk not in desks:
                raise ScenarioRefused(path, f"{where}, key `{key}`", f"names `{_shown(desk)}`, which is no desk here")
        if event.corrects is not None and event.corrects not in seen:
            raise ScenarioRefused(path, f"{where}, key `corrects`", "names no event before this one")
        seen[event.id] = before = event
