"""Dependencies that are declared in files."""
