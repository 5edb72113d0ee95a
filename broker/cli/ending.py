"""How a command ends when it cannot do what it was asked: one line, the next step, and exit code 2."""

import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from broker.errors import TellwiseError

_T = TypeVar("_T")


def carefully(do: Callable[[], _T]) -> _T:
    """What *do* gives; or the end of the command, with what is wrong and the next step on standard error."""
    try:
        return do()
    except TellwiseError as error:
        print(f"tellwise: {error}\n          {error.next_step}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
