"""How a notification is sealed, released and opened. The format, with bytes, is in README.md beside this file."""
