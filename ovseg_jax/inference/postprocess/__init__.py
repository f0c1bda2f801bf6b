"""From names and masks to pixels: the semantic, panoptic and instance answers."""
