"""What can be asked and told: one module for each resource, none of which knows another."""
