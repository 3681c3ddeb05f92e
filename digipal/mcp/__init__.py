"""The engine served over MCP, the Model Context Protocol. Needs the extra `mcp`; nothing else of digipal imports it."""
