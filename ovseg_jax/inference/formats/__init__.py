"""Answers in the formats of other tools: one file per format, all listed in `table`."""
