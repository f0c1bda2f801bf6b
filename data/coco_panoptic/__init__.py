"""COCO panoptic 2017: 133 classes, panoptic PNG and JSON as the publisher ships them."""
