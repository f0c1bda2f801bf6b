"""COCO-Stuff 164k: 171 classes, pixel maps as the publisher ships them."""
