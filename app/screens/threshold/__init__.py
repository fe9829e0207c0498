"""What the page of the threshold draws."""
