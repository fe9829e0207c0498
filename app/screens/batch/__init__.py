"""What the page of batch scoring draws."""
