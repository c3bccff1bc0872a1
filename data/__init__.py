"""What lies on disk: shards, images, networks and the command line. Imports nothing from the other folders."""
