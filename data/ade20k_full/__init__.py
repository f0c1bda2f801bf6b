"""ADE20K-847: the whole of ADE20K, its 847 most frequent classes."""
