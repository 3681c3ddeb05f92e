"""Operations of your own: Python functions in files that a scenario names."""
