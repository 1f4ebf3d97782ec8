"""What is installed, read from the files of an environment: nothing of it is imported."""
