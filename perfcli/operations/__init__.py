"""Operations: what a step of a flow does."""
