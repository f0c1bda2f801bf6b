"""What a training step will take on hardware that is not here: memory, work, network, time."""
