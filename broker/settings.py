"""Every setting of a hub and of a desk, with unit, default and reason. One frozen model and one TOML file for each.

Unknown keys are errors: a setting that is misspelt would otherwise silently be another. Secrets are never settings; a
setting names the file that holds one.
"""

import logging
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from broker.errors import SettingsRefused
from schemas.compartments import Contact
from schemas.identifiers import AgencyIdField, DeskIdField

_M = TypeVar("_M", bound=BaseModel)


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise PydanticCustomError("base_url", "not `https://HOST[:PORT]`")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise PydanticCustomError("base_url", "more than `https://HOST[:PORT]`")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise PydanticCustomError("plain_http", "plain HTTP beyond this machine")
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""Where a hub is reached: https, or plain http on this machine alone."""


class Http(_Settings):
    """How desks reach the hub."""

    host: str = "127.0.0.1"
    """The address that is listened on. Anything but this machine's own needs a certificate."""
    port: int = Field(default=8400, ge=0, le=65_535)
    """0 takes any that is free, and says which."""
    public_url: BaseUrl | None = None
    """How desks name this hub: what they sign into the assertion by which they log in, so that one made for another hub
    is no use here. Default: made from host and port."""
    certificate: Path | None = None
    """PEM: the server's certificate, and those between it and its authority."""
    private_key: Path | None = None
    """PEM, readable by the hub alone."""
    token_s: int = Field(default=300, ge=10, le=3_600)
    """Seconds that a desk is logged in for. Short, because a token is all that a thief needs; a desk gets a new one by
    itself."""
    wait_longest_s: int = Field(default=30, ge=0, le=120)
    """Seconds that a question to an inbox may wait for something to come. Below what proxies cut off."""
    requests_per_s: float = Field(default=50, gt=0)
    """Requests that one desk may make a second, on average. More is answered with 429."""
    requests_burst: int = Field(default=200, ge=1)
    """How many of them may come at once."""
    polls_max: int = Field(default=4, ge=1)
    """Questions of one desk that may wait at the same time."""
    connections_max: int = Field(default=2_000, ge=1)
    """Requests in work at the same time, of all desks; more are answered with 503."""
    waiting_max: int = Field(default=20_000, ge=1)
    """Notifications that may lie in the hub's input, not dealt with yet; numbers that no record has count too. Beyond,
    new ones are answered with 503, and wait at their desks."""
    body_s: float = Field(default=10, gt=0, le=300)
    """Seconds in which a request's body must have come, so that slow senders hold nothing for long."""

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise PydanticCustomError("half_a_certificate", "certificate without private_key, or the reverse")
        if self.certificate is None and not is_loopback(self.host):
            raise PydanticCustomError("plain_http", "plain HTTP beyond this machine: give certificate and private_key")
        return self


def _bootstrap(text: str) -> str:
    for address in text.split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise PydanticCustomError("bootstrap", "not `HOST:PORT`, or several with commas")
    return text


class Cluster(_Settings):
    """How a Kafka is reached."""

    bootstrap: Annotated[str, AfterValidator(_bootstrap)]
    """`HOST:PORT` of some of its brokers, with commas; one that answers is enough."""
    certificate: Path | None = None
    """PEM: the certificate by which the cluster knows us, and those between it and its authority."""
    private_key: Path | None = None
    """PEM, readable by us alone."""
    authorities: Path | None = None
    """PEM: the certificates that may vouch for the brokers'. Default: those of this machine."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Each host and port."""
        return [(host, int(port)) for host, _, port in (each.rpartition(":") for each in self.bootstrap.split(","))]

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise PydanticCustomError("half_a_certificate", "certificate without private_key, or the reverse")
        if self.certificate is None and not all(is_loopback(host) for host, _ in self.addresses):
            raise PydanticCustomError("plain_text", "plain text beyond this machine: give certificate and private_key")
        return self


Inboxes = Literal["topics", "shared"]
"""Where the inboxes of a hub on Kafka lie."""


class Kafka(Cluster):
    """How the Kafka is reached on which the hub runs."""

    principal: Annotated[str, Field(pattern=r"^[A-Za-z0-9 =,._@/-]{1,200}$")] = "hub"
    """The name by which the cluster knows the hub's certificate; what it may do is given to this name."""
    lanes: int | None = Field(default=None, ge=1, le=64)
    """Among how many lanes the hub's persons are shared, and so how many processes can share the work. It is for ever:
    a hub that has run has as many as it was founded with, and one that comes from a file has 1. Default: those, or 4
    for a hub that was never run."""
    writing_desks: tuple[DeskIdField, ...] = ()
    """Desks that write to a topic of their own, and do not come through the hub's edge. They stand here, and are no
    option of a command, because whoever forgot one would take that desk's right away."""
    inboxes: Inboxes = "topics"
    """`topics`: each inbox is a topic of its own, which its desk may read on Kafka itself; at most 1,000 desks.
    `shared`: all inboxes lie in one topic that the hub alone reads, and each desk hears at the hub's edge. For the life
    of the hub: it does not start where inboxes of the other kind lie."""


class DeskKafka(Cluster):
    """How the Kafka of the hub is reached, for a desk that hears or writes there. Its certificate names its mailbox."""

    hears: bool = True
    """Whether adapters of this desk hear there. Not with a hub whose `inboxes` are `shared`: those are heard at
    `hub_url` alone."""
    writes: bool = False
    """Whether this desk writes there too, to a topic of its own; the hub's operator must have named it among
    `writing_desks`. Otherwise what it says goes to `hub_url`."""

    @model_validator(mode="after")
    def _is_for_something(self) -> Self:
        if not self.hears and not self.writes:
            raise PydanticCustomError("for_nothing", "neither `hears` nor `writes`: then this table is for nothing")
        return self


class Telemetry(_Settings):
    """What is told to whoever watches over the machine. Names, counts and times; never what was said."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    otlp_endpoint: str | None = None
    """Where traces and metrics are sent, by OTLP over HTTP. Default: nowhere."""

    @property
    def level_number(self) -> int:
        """The level as `logging` counts it."""
        return logging.getLevelNamesMapping()[self.level.upper()]


class Retention(_Settings):
    """How long the hub keeps what it need not keep for ever. Days are those on which it was at work, so that a clock
    that was set wrong removes nothing early. The ledgers and the directory are never removed."""

    inbox_days: int = Field(default=90, ge=15, le=3_650)
    """Days that a letter lies in its desk's inbox, sealed, read or not. More than the 14 that a notification lives, and
    long enough for a desk that was forgotten over a summer: one that comes later has lost letters."""
    input_days: int = Field(default=14, ge=1, le=3_650)
    """Days that a notification is kept as it came, sealed, after it was dealt with."""
    quarantine_days: int = Field(default=90, ge=1, le=3_650)
    """Days that what was refused is kept, sealed, so that somebody can look why."""
    detail_days: int | None = Field(default=None, ge=90, le=36_500)
    """Days that the sealed record of all that a decision used is kept. Without it no decision can be made again, or
    explained to a court; so it is kept as long as the ledger unless your own retention schedule says otherwise. Whoever
    verifies the ledger must be told this figure: see `tellwise ledger verify --detail-days`."""
    checkpoint_days: int = Field(default=2, ge=1, le=3_650)
    """Days that every signed checkpoint is kept; of those before, the last of each day."""

    @property
    def days_longest(self) -> int:
        """The longest of them."""
        return max(self.inbox_days, self.input_days, self.quarantine_days, self.detail_days or 0, self.checkpoint_days)


class HubSettings(_Settings):
    """What `tellwise run` is given."""

    hub: AgencyIdField
    """The hub's name, for ever: its ledgers' names begin with it, and its desks hold it."""
    data: Path = Path("data")
    """The folder of all that the hub keeps, on a local disk. Relative to the file of settings."""
    credential: Path = Path("hub.key")
    """The file with the key under which all keys of the hub are kept: 32 bytes that stand nowhere else. Keep it apart
    from the data and its backups; `LoadCredential=` of systemd and mounted secrets are made for it."""
    http: Http = Http()
    kafka: Kafka | None = None
    """Needed with `--engine kafka` alone; without that, everything lies in one file on this machine."""
    retention: Retention = Retention()
    telemetry: Telemetry = Telemetry()


class DeskSettings(_Settings):
    """What a desk's own commands are given."""

    desk: DeskIdField
    """The desk's name in the hub's directory."""
    hub_url: BaseUrl
    """Where the hub is, spelt as its operator spells it (`public_url`)."""
    folder: Path = Path()
    """Where the desk's keys, letters and outbox are. It holds what the desk is told, in clear: protect it as you would
    that. Relative to the file of settings."""
    authorities: Path | None = None
    """PEM: the certificates that may vouch for the hub's. Default: those of this machine."""
    contact: Contact
    """Whom others ring about what this desk says: a role and a telephone number, never somebody's own name."""
    telemetry: Telemetry = Telemetry()
    kafka: DeskKafka | None = None
    """Without this table, adapters hear at `hub_url` as well."""
    adapter: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """One table for each adapter; each says itself what may stand in it."""


def load_settings(path: Path, model: type[_M]) -> _M:
    """Settings from a TOML file.

    Raises:
        SettingsRefused: it cannot be read, or a key is unknown, missing or wrong; the text names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsRefused(f"cannot read `{path}`: {why}") from None
    try:
        return check_settings(tomllib.loads(text), model, str(path))
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused(f"`{path}` is not TOML: {error}") from None


def check_settings(table: dict[str, Any], model: type[_M], where: str) -> _M:
    """Settings from a table that was read already.

    Raises:
        SettingsRefused: a key is unknown, missing or wrong; the text names it.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = [
            f"`{'.'.join(map(str, problem['loc'])) or 'file'}`: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    raise SettingsRefused(f"`{where}`: " + "; ".join(problems))


def beside(settings: Path, path: Path) -> Path:
    """A path of a file of settings, which may be relative to that file."""
    return (settings.parent / path).absolute()
