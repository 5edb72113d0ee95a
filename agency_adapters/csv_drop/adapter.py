"""The adapter `csv_drop`: files in and letters out, side by side."""

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

from pydantic import BaseModel

from agency_adapters.csv_drop.intake import Intake
from agency_adapters.csv_drop.letters import LettersOut
from agency_adapters.csv_drop.mapping import load_mapping
from agency_adapters.csv_drop.settings import CsvDropSettings
from broker.client.adapter import Work
from broker.errors import SettingsRefused


class CsvDrop:
    """A desk whose own system writes and reads CSV."""

    settings: ClassVar[type[BaseModel]] = CsvDropSettings

    async def run(self, work: Work, settings: CsvDropSettings) -> None:
        """See `Adapter.run`.

        Raises:
            SettingsRefused: the mapping or a column does not fit; the text names the key. Nothing was taken.
            FolderUnusable: a folder cannot be read or written.
        """
        ways: list[Coroutine[Any, Any, None]] = []
        if settings.mapping is None and settings.out is None:
            raise SettingsRefused("`adapter.csv_drop`: neither `mapping` nor `out` is given, so there is nothing to do")
        mapping = None if settings.mapping is None else load_mapping(settings.mapping, work.folder)
        if settings.out is not None:
            letters = LettersOut(work, work.folder / settings.folder_out, settings.out)
            ways.append(letters.run(settings.look_ms / 1_000))
        if mapping is not None:
            ways.append(Intake(work, settings, mapping).run())
        try:
            async with asyncio.TaskGroup() as group:
                for way in ways:
                    group.create_task(way)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
