"""What actions really did, one record each."""
