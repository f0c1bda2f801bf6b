"""A folder of somebody's own photos and annotations: what it holds, as the list of a manifest."""
