"""Checkpoint files to arrays: every format, nothing executed, memory bounded."""
