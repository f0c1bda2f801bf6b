"""Any folder of photos and folder of label maps, described by a few lines of YAML."""
