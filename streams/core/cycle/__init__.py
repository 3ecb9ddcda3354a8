"""From open goals to acts and back: plan, ask, carry out, measure, learn."""
