"""Files of others, by name: downloaded whole or not at all, held to their hashes, kept."""
