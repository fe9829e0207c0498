"""What the page of the overview draws."""
