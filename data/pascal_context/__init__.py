"""PASCAL-Context: 59 and 459 classes over photos of VOC 2010."""
