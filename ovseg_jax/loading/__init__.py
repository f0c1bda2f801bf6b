"""From names and files to a model that is ready: its modules, its weights, its words."""
