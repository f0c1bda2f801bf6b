"""CLIP towers under their published names."""
