"""The rooms refuse where a line could as well have told; `fail_open.py` says what is looked for."""

from pathlib import Path

import pytest

from tests.house.fail_open import findings
from tests.house.tree import files_in_rooms, text

ALLOWED: frozenset[tuple[str, str]] = frozenset(
    {
        # What pydantic read first counts only if it would be written as those very bytes; else strict.py reads it too.
        ("schemas/said.py", "JSON is read by schemas/strict.py first"),
        # A file of our own package, which nests deeper than what anybody may send.
        ("broker/api/documentation.py", "base64, hex and JSON are read by schemas/strict.py only"),
    }
)
"""(file, rule) that are right as they are, each with its reason in a comment. Empty is best."""

HERE = Path("broker/somewhere.py")


@pytest.mark.parametrize("path", files_in_rooms(".py"), ids=str)
def test_no_line_would_rather_tell_than_refuse(path: Path) -> None:
    found = findings(text(path) or "", path)

    assert [f"{path}:{one.line}: {one.rule}" for one in found if (str(path), one.rule) not in ALLOWED] == []


def test_no_exception_from_the_rule_outlives_its_reason() -> None:
    needed = {(str(path), one.rule) for path in files_in_rooms(".py") for one in findings(text(path) or "", path)}

    assert needed >= ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    f()\nexcept:\n    raise",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept BaseException:\n    ...",
        "try:\n    f()\nexcept (OSError, Exception):\n    'never mind'",
        "for x in y:\n    try:\n        f()\n    except Exception:\n        continue",
        "def f():\n    try:\n        g()\n    except Exception:\n        log()\n        return True",
        "def f():\n    try:\n        g()\n    except Exception:\n        return Open(x)",
        "def f():\n    try:\n        g()\n    except Exception:\n        return Decision.PERMIT",
        "import contextlib\nwith contextlib.suppress(Exception):\n    f()",
        "from contextlib import suppress\nwith suppress(BaseException):\n    f()",
        "settings.get('sealed', True)",
        "settings.pop('sealed', True)",
        "getattr(desk, 'active', True)",
        "told = may() or True",
        "http.get(url, verify=False)",
        "decode(data, validate=False)",
        "import json\njson.loads(data)",
        "import json as j\nread = j.load",
        "from json import loads as read",
        "import base64\nbase64.b64decode(data, validate=True)",
        "from base64 import urlsafe_b64decode",
        "import binascii\nbinascii.a2b_base64(data)",
        "Letter.model_validate_json(data)",
        "def f(data):\n    return letters.validate_json(data)",
        "def f(data):\n    json_decode(head)\n    return Letter.model_validate_json(data)",
        "def f(data):\n    letter = Letter.model_validate_json(data)\n    json_decode(data)",
        "def f(data):\n    json_decode(data)\ndef g(data):\n    return Letter.model_validate_json(data)",
        "from datetime import UTC, datetime\ndatetime.now(UTC)",
        "import datetime as dt\ndt.datetime.now(dt.UTC)",
        "import datetime\ndatetime.date.today()",
        "import time\ntime.time()",
        "from time import time_ns",
        "import random",
        "from random import choice",
        "import yaml\nyaml.load(data, Loader=yaml.SafeLoader)",
        "assert desk.active",
        "print(letter)",
    ],
)
def test_a_line_that_fails_open_is_found(source: str) -> None:
    assert findings(source, HERE)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("try:\n    f()\nexcept OSError:\n    pass", HERE),
        ("try:\n    f()\nexcept Exception as error:\n    raise Refused from error", HERE),
        ("def f():\n    try:\n        g()\n    except Exception:\n        return False", HERE),
        ("def f():\n    try:\n        g()\n    except Exception:\n        return Withheld(x)", HERE),
        ("settings.get('sealed', False)", HERE),
        ("told = may() or False", HERE),
        ("import json\njson.dumps(data)", HERE),
        ("import json\njson.loads(data)", Path("schemas/strict.py")),
        ("def f(data):\n    json_decode(data)\n    return Letter.model_validate_json(data)", HERE),
        ("from datetime import UTC, datetime\ndatetime.now(UTC)", Path("broker/clock.py")),
        ("from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)", HERE),
        ("import time\ntime.monotonic()", HERE),
        ("import yaml\nyaml.safe_load(data)", HERE),
        ("print('hello')", Path("broker/cli/demo.py")),
        ("loads(data)", HERE),
    ],
)
def test_a_line_that_refuses_is_left_alone(source: str, path: Path) -> None:
    assert findings(source, path) == []
