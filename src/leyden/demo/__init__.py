"""The main job that ``leyden demo`` runs: real data, a small network, and the promises shown at work."""
