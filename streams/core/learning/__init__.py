"""What past actions teach: success, effect, duration, and which one to choose next."""
