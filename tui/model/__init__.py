"""What the dashboard knows: workspace, servers, operations. Knows no screen and no app; tells by callbacks."""
