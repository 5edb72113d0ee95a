"""`python -m tests.fuzz DECODER SECONDS SEED`: fuzz one decoder. `python -m tests.fuzz DECODER FILE.hex`: one input
again. `python -m tests.fuzz`: the names of all decoders.

The last line says how many inputs there were. A finding ends it with 1; its input lies in .fuzz/ as hexadecimal digits.
"""

import logging
import sys
from pathlib import Path

from tests.fuzz.engines import end, fuzz_plainly, fuzz_with_atheris, has_atheris


def main(arguments: list[str]) -> int:
    """Do what is asked."""
    logging.disable()  # what a hub says of what it refuses is thousands of lines a second here
    match arguments:
        case [name, seconds, seed] if has_atheris():
            fuzz_with_atheris(name, float(seconds), int(seed))
        case [name, seconds, seed]:
            from tests.fuzz.decoders import decoders

            end(name, fuzz_plainly(decoders()[name], float(seconds), int(seed)))
        case [name, file]:
            from tests.fuzz.decoders import decoders

            decoders()[name].decode(bytes.fromhex(Path(file).read_text(encoding="ascii")))
        case []:
            from tests.fuzz.decoders import NAMES

            sys.stdout.write("\n".join(NAMES) + "\n")
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
