"""Which prediction belongs to which ground truth: optimal assignment, and pairing by IoU."""
