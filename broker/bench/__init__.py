"""What `make bench` measures, each figure against its limit in the same run."""
