"""What a worker of some release leaves behind, as a fixture."""
