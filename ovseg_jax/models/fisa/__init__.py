"""Mask class tokens that pass every block of a vision transformer: MaskCLIP and FISA."""
