"""Python code and notebooks, by their syntax trees: what they call, under which name, and with what."""
