"""COCO captions 2017."""
