"""An abdomen drawn by code, as CT and MR would show it: the project's own sample, free of any patient's data."""
