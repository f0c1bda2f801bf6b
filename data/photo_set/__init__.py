"""A folder of photos with a manifest.json that names their annotations."""
