"""Mapillary Vistas v1.2: 65 classes of streets, semantic and panoptic."""
