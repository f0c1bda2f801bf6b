"""Masks that lie in files: every format that people have, and how a photo finds its own."""
