"""The nouns of Dreamitate, with arrays in and arrays out. No ROS and no torch here."""
