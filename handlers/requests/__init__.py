"""What all requests share, from their arrival to the form of their answers."""
