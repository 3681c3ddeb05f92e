"""What people read: RunResult in, text out. Nothing here measures, judges or decides an exit code."""
