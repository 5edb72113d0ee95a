"""Files of settings: what is unknown, missing or unsafe is refused by its name."""

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from broker.cli.settings_file import desk_settings_text, field_texts, hub_settings_text
from broker.errors import SettingsRefused
from broker.settings import (
    DeskKafka,
    DeskSettings,
    Http,
    HubSettings,
    Kafka,
    Retention,
    Telemetry,
    check_settings,
    load_settings,
)


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_the_first_file_of_a_hub_is_all_defaults(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, hub_settings_text("hub.invented.example")), HubSettings)

    assert settings == HubSettings(hub="hub.invented.example")  # type: ignore[arg-type]


def test_every_default_in_the_first_file_is_the_default(tmp_path: Path) -> None:
    text = hub_settings_text("hub.invented.example")
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and line[2:].split(" ")[1] == "=" else line
        for line in text.splitlines()
    )
    on_kafka = uncommented.replace("# [kafka]", "[kafka]").replace("# bootstrap =", 'bootstrap = "127.0.0.1:9092"')

    settings = load_settings(written(tmp_path, on_kafka), HubSettings)

    assert settings == HubSettings(
        hub="hub.invented.example",  # type: ignore[arg-type]
        kafka=Kafka(bootstrap="127.0.0.1:9092"),
    )


def test_the_first_file_of_a_desk_says_what_it_was_made_with(tmp_path: Path) -> None:
    text = desk_settings_text("elm-housing", "https://hub.example", 'duty "officer"', "01632 960001")

    settings = load_settings(written(tmp_path, text), DeskSettings)

    assert (settings.desk, settings.hub_url) == ("elm-housing", "https://hub.example")
    assert (settings.contact.role, settings.contact.telephone) == ('duty "officer"', "01632 960001")
    assert settings.kafka is None


def test_a_desk_hears_at_a_kafka_and_writes_there_only_if_it_says_so(tmp_path: Path) -> None:
    text = desk_settings_text("elm-housing", "https://hub.example", "duty officer", "01632 960001")
    on_kafka = text.replace("# [kafka]", "[kafka]").replace("# bootstrap =", 'bootstrap = "127.0.0.1:9092"')

    settings = load_settings(written(tmp_path, on_kafka), DeskSettings)

    assert settings.kafka == DeskKafka(bootstrap="127.0.0.1:9092")
    assert not settings.kafka.writes
    assert settings.kafka.hears
    with pytest.raises(SettingsRefused, match="plain text beyond this machine"):
        load_settings(written(tmp_path, on_kafka.replace("127.0.0.1:9092", "kafka.example:9092")), DeskSettings)
    with pytest.raises(SettingsRefused, match="neither `hears` nor `writes`"):
        load_settings(written(tmp_path, on_kafka.replace("# hears = true", "hears = false")), DeskSettings)


def test_a_hub_s_inboxes_are_topics_unless_it_says_so(tmp_path: Path) -> None:
    text = 'hub = "h"\n[kafka]\nbootstrap = "127.0.0.1:9092"\n'
    as_topics = load_settings(written(tmp_path, text), HubSettings)
    shared = load_settings(written(tmp_path, text + 'inboxes = "shared"\n'), HubSettings)

    assert as_topics.kafka is not None
    assert shared.kafka is not None
    assert (as_topics.kafka.inboxes, shared.kafka.inboxes) == ("topics", "shared")
    with pytest.raises(SettingsRefused, match=r"kafka\.inboxes"):
        load_settings(written(tmp_path, text + 'inboxes = "sharded"\n'), HubSettings)


@pytest.mark.parametrize("model", [HubSettings, DeskSettings, Http, Retention, Telemetry, Kafka, DeskKafka])
def test_every_setting_says_what_it_is_for(model: type[BaseModel]) -> None:
    tables = {"http", "retention", "telemetry"}

    assert set(model.model_fields) - set(field_texts(model)) <= tables


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "hub"),
        ('hub = "h"\nport = 1', "port"),
        ('hub = "h"\n[http]\nprt = 1', "http.prt"),
        ('hub = "H"', "hub"),
        ('hub = "h"\n[http]\nport = 70000', "http.port"),
        ('hub = "h"\n[http]\nhost = "0.0.0.0"', "plain HTTP beyond this machine"),
        ('hub = "h"\n[http]\nhost = "192.0.2.1"', "plain HTTP beyond this machine"),
        ('hub = "h"\n[http]\ncertificate = "c.pem"', "private_key"),
        ('hub = "h"\n[http]\npublic_url = "http://hub.example"', "plain HTTP"),
        ('hub = "h"\n[http]\npublic_url = "https://user:secret@hub.example"', "public_url"),
        ('hub = "h"\n[http]\npublic_url = "ftp://hub.example"', "public_url"),
        ('hub = "h"\n[http]\npublic_url = "https://hub.example/path"', "public_url"),
        ('hub = "h"\n[telemetry]\nlevel = "loud"', "telemetry.level"),
        ("hub = ", "not TOML"),
    ],
)
def test_a_hub_is_not_started_on_settings_that_do_not_fit(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        load_settings(written(tmp_path, text), HubSettings)

    assert named in str(refused.value)


def test_beyond_this_machine_a_certificate_suffices() -> None:
    settings = Http(host="192.0.2.1", certificate=Path("c.pem"), private_key=Path("k.pem"))

    assert settings.host == "192.0.2.1"


def test_what_is_wrong_is_told_without_the_value(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        check_settings({"hub": "Zed Synthetic-Onyx"}, HubSettings, "settings")

    assert "Synthetic" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="nowhere"):
        load_settings(tmp_path / "nowhere.toml", HubSettings)


def test_the_first_file_is_toml_with_no_key_twice() -> None:
    assert tomllib.loads(hub_settings_text("h")) == {"hub": "h", "http": {}, "retention": {}, "telemetry": {}}
