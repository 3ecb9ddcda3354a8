"""All workers of the group as one: rows and answers from wherever they are."""
