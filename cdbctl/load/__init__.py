"""Definition files to values of the model: strict, with line numbers, every problem at once."""
