"""The two programs that a Kafka needs and Tellwise does not bring: Java to run it, Maven to fetch it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from broker.errors import ToolMissing

JAVA_MIN = 17  # KIP-1013: what a broker of Kafka 4 needs
_ANSWER_S = 30


def java() -> Path:
    """A Java that is new enough: that of `JAVA_HOME`, else the first on the `PATH`.

    Raises:
        ToolMissing: there is none, or it is too old, or it does not run.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(str(Path(home, "bin", "java")) if home else "java")
    next_step = f"Install Java {JAVA_MIN} or later, or let JAVA_HOME name one."
    if found is None:
        raise ToolMissing("Java is missing" + (" where JAVA_HOME says" if home else ""), next_step)
    try:
        said = subprocess.run(  # noqa: S603 - the user chose it
            [found, "-version"], capture_output=True, text=True, timeout=_ANSWER_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolMissing(f"`{found}` does not run", next_step) from error
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if version is None or int(version[1]) < JAVA_MIN:
        what = version[1] if version else "of no version that we know"
        raise ToolMissing(f"`{found}` is {what}, and Kafka needs Java {JAVA_MIN} or later", next_step)
    return Path(found)


def maven() -> Path:
    """Maven, from the `PATH`.

    Raises:
        ToolMissing: it is not there.
    """
    found = shutil.which("mvn")
    if found is None:
        raise ToolMissing("Maven is missing", "Install Maven (`mvn`); it is needed once, to fetch Kafka.")
    return Path(found)
