"""Which rows of the behaviour specification the tests check."""
