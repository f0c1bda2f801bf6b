"""From captions to pairs of a mask and a noun, as OVSeg's training wants them."""
