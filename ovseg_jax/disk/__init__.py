"""The file system: files appear whole, only our own are replaced, JSON of any origin is read."""
