"""The machine that trains: who can reach its processes, and who can read its secrets."""
