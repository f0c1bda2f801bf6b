"""Data sets: one folder per set, each with a TFDS builder, a README and its tests' dummy files."""
