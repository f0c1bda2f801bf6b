"""Equal portions: how many of something to take at once so that nothing is left over."""


def largest_divisor(number: int, most: int) -> int:
    """Returns the largest divisor of a positive number that is at most `most`, and at least 1."""
    return next(part for part in range(min(most, number), 0, -1) if number % part == 0)
