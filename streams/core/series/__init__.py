"""Hot rows and models of the series of a partition, and the one way to read them."""
