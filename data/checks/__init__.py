"""What `ovseg data check` looks for; each module is one kind of check of a `Layout`."""
