"""What models there are, where their weights lie, and whether a file may be trusted."""
