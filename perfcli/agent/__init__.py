"""The engine process: drives the target, and tells the tool what happened."""
