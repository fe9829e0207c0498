"""What the page "Does it work here?" draws."""
