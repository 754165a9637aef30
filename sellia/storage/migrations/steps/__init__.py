"""Steps from each schema to the next, by the number that it has then."""
