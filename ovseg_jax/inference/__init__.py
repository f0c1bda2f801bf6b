"""From scores and masks to an answer: ensembling, the three tasks, and the friendly front."""
