"""What an engine can hide, seen from inside its process: what it leaves behind, logs and asks of SQLite."""
