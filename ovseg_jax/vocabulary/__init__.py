"""Words: class lists and presets, prompt templates, and the text bank that embeds them."""
