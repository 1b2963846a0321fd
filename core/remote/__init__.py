"""One server: the connection, the agent that runs there, uploads."""
