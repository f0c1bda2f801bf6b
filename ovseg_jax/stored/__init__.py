"""Parameters as they lie in weights directories: held to their size, and checked to be numbers."""
