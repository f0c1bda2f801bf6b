"""What `benchmarks/accelerator.py` measures, one module per part, and how."""
