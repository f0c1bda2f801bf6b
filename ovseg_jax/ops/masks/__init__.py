"""Masks as arrays: from id maps, at other sizes, pooled over, compared, cut out, cleaned."""
