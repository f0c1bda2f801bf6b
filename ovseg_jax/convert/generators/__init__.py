"""Mask generators under their published names."""
