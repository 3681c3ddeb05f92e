"""What the simulated AI is made from."""


class AICommunication:
    """Never called."""
