"""What is asked of a method, how, and what its answer is worth: the published protocols as code."""
