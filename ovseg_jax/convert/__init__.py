"""Published PyTorch checkpoints to weights directories, without torch."""
