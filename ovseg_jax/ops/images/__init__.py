"""Pictures to the sizes and numbers that networks want, as Pillow and PyTorch compute them."""
