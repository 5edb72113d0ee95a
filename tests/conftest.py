"""What holds for every test: the same examples each time in CI, and no time limit on one that a busy machine slows; and
what is slow to make and that many look at."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.processes import tellwise

settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(autouse=True)
def _as_loud_as_before() -> Iterator[None]:
    """Some commands say less, and are run in this process: what the next test listens for does not depend on it."""
    loggers = [logging.getLogger(name) for name in (None, "tellwise")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a demo leaves that was played once. Whoever writes to it takes a copy."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    tellwise("demo", "--once", "--data", folder, cwd=tmp_path_factory.getbasetemp())
    return folder
