"""A desk's own CSV: register changes as a force would extract them come in, opened letters go out.

    in/       where the desk's system drops its extracts; each is taken once it is whole, oldest name first
    done/     what was taken
    rejects/  for each file with rows that could not be said, which and why; and files of which nothing was said
    out/      letters, as JSON and as CSV, for a housing or a social care system

rows.py cuts a file into rows, fields.py knows what can be told, mapping.py says which column is which field, row by
row; dropped.py waits for whole files, intake.py takes them, letters.py writes what the desk was told.
"""

from agency_adapters.csv_drop.adapter import CsvDrop
from agency_adapters.csv_drop.settings import CsvDropSettings, Out

__all__ = ["CsvDrop", "CsvDropSettings", "Out"]
