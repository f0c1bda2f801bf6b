"""What every room shares: errors, the types of what flows between rooms, trees, devices."""
