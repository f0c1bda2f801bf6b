"""Pairs of a mask and a noun that `ovseg mine` wrote."""
