"""How ordered streams are carried and stored: one driver per engine."""
