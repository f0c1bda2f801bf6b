"""Driving the pipeline: sharding, optimizer, state, step, checkpoints, reports, the loop."""
