"""Flax Linen modules: the CLIP towers and the learned parts of methods."""
