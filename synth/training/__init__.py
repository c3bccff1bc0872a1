"""Training of generators: the adversarial game, its state on disk, pictures and their augmentation."""
