"""What the pages draw: a folder for each page, and what they share."""
