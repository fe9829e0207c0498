"""What the page of the explanation draws."""
