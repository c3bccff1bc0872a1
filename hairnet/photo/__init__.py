"""From a crop that the network drew to a whole photo: mattes, strands, what lies behind old hair."""
