"""Tools of the developers: what makes data files that are committed. Nothing here is shipped."""
