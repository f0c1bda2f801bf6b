"""Trains an experiment: python train.py CONFIG --workdir DIR [--section.field value ...]."""

from ovseg_jax.cli.train import main

if __name__ == "__main__":
    main()
