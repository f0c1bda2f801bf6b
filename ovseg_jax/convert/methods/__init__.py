"""What the papers released."""
