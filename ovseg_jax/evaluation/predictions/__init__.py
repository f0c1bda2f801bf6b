"""Answers on disk in the forms of COCO, and scores taken from them without a model."""
