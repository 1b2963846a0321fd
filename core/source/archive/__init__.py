"""Archives as a source. An archive may come from anywhere: nothing in it decides what is written where."""
