"""The tool's side of a run: samples collected, writes held to account, metrics computed, verdict reached."""
