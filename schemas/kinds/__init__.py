"""One family of kinds per file: what a notification of each kind carries, and who may say it."""
