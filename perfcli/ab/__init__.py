"""Two engines in pairs: pairs of slices, the gate, its verdict, the self-test."""
