"""Cityscapes: 19 classes of streets, semantic and panoptic."""
