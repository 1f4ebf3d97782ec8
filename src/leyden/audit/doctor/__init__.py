"""What a machine is like for training: facts that are read, and nothing that is changed."""
