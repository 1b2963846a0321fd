"""What the agent on a server and this side say to each other (docs/agent.md): read without the network (pure)."""
