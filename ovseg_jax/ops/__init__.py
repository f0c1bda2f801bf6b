"""Array functions without parameters: convolution, resizing, mask IoU, matching, pooling.

Every operation has a plain reference form and, where it pays, faster forms that tests hold equal.
"""
