"""The command line: `tellwise demo`, `run`, `bench` and the others, one file each."""
