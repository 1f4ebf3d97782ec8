"""Configuration that is read as data with positions, and what is wrong in it."""
