"""From predictions to numbers, and the protocol card that says how they came about."""
