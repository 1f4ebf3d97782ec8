"""What Leyden costs, measured beside a plain loop and pytorch-lightning."""
