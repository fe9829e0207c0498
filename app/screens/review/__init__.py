"""What the page of the review and its results draws."""
