"""Programs beside the product: what makes its assets."""
