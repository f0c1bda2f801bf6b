"""LVIS v1."""
