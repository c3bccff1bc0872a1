"""What goes into the training of the network and comes out: its lessons, losses, material, state."""
