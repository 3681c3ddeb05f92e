"""What works inside the engine's process to say where its time and memory go; runs that count are without it."""
