"""Measurements of a whole running Spanledger; `python -m benchmarks` makes the table of benchmarks/README.md."""
