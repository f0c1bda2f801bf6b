"""Networks that propose masks, and sources that take them from the truth."""
