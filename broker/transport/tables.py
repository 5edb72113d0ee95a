"""The tables of the hub's file.

What stands in `ledger_*` is what an auditor can verify, and nothing else. Everything that says something about a person
was sealed before it came here. A changed table is a new kind of file: see `open_database`.
"""

DATABASE = "hub.db"
"""The file's name in the hub's folder."""

TABLES = """
CREATE TABLE topic(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0,
    UNIQUE(name, partition)
) STRICT;

-- One row a record in the order of writing: WITHOUT ROWID was four times slower here, and the file six times larger.
CREATE TABLE record(
    id INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_at ON record(topic, offset);

CREATE TABLE state(
    lane TEXT NOT NULL,
    tbl TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY(lane, tbl, key)
) STRICT;

CREATE TABLE position(
    lane TEXT NOT NULL PRIMARY KEY,
    offset INTEGER NOT NULL
) STRICT;

CREATE TABLE lease(
    lane TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    owner TEXT,
    until_ms INTEGER NOT NULL
) STRICT;

-- Days on which the hub was at work, and how far every topic and ledger reached when each began: see pruning.py.
CREATE TABLE day(
    number INTEGER PRIMARY KEY,
    date TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE day_reached(
    day INTEGER NOT NULL,
    what TEXT NOT NULL,
    reached INTEGER NOT NULL,
    PRIMARY KEY(day, what)
) STRICT;

CREATE TABLE ledger_entry(
    log TEXT NOT NULL,
    i INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY(log, i)
) STRICT;

CREATE TABLE ledger_detail(
    log TEXT NOT NULL,
    i INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY(log, i)
) STRICT;

CREATE TABLE ledger_checkpoint(
    log TEXT NOT NULL,
    size INTEGER NOT NULL,
    note BLOB NOT NULL,
    PRIMARY KEY(log, size)
) STRICT;

CREATE TABLE ledger_frontier(
    log TEXT NOT NULL PRIMARY KEY,
    frontier BLOB NOT NULL
) STRICT;
"""
