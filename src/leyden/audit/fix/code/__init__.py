"""Mending Python code. libcst, which keeps formatting and comments, is an extra and is imported only where it edits."""
