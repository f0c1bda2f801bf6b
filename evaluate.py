"""Evaluates a run or weights: python evaluate.py RUN_OR_WEIGHTS [--config CONFIG] [...]."""

from ovseg_jax.cli.evaluate import main

if __name__ == "__main__":
    main()
