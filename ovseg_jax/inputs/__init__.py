"""Where pixels come from: photos for inference, streams for training."""
