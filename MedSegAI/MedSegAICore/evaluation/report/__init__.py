"""What an evaluation found, as tables, files and pictures."""
