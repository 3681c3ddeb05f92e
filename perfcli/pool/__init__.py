"""Where the load runs: engine processes, their scratch directories, and the promise to leave neither behind."""
