"""ADE20K-150 (SceneParse150): semantic, panoptic and instances."""
