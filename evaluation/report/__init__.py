"""One page that tells a whole evaluation: its tables, plots and pictures, and where each figure comes from."""
