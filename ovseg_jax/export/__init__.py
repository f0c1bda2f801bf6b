"""Models written for programs that do not have this package: parameters, and computations."""
