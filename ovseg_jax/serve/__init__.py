"""A page on this machine to try words on a photo, and the JSON API behind it."""
