"""An AI that nobody asks."""
