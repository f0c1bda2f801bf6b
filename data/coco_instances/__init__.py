"""COCO instances 2017."""
