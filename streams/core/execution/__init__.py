"""A plan that is carried out: one step after the other, undone where it fails."""
