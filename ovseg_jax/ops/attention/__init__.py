"""Attention in several forms of the same result, and what tells it about positions and masks."""
