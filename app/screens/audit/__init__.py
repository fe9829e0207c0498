"""What the page of the data set draws."""
