"""What the user interface needs of Qt: the client of the engine process."""
