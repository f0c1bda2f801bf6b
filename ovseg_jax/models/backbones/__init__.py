"""Trunks of mask generators that do not borrow CLIP's."""
