"""How each agency's system speaks and listens: one file per system or format, never per council."""
