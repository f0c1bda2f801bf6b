"""Who makes masks that a model names: a generator, SAM."""
