"""What the rows of `make bench` share."""
