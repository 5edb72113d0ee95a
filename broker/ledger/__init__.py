"""What was done, as lines that nobody can change unnoticed: entries, checkpoints, proofs."""
