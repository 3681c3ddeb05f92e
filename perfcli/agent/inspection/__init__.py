"""What an engine can hide, seen from inside its process: what it leaves behind, logs, asks of SQLite and writes."""
