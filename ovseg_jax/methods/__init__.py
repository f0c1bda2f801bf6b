"""The arrow in which the papers differ: from features and masks to scores."""
