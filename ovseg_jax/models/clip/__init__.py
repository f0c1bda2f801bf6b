"""CLIP: image towers, text tower, tokenizers, and one table row per published model."""
