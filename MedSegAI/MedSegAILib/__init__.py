"""The bridge between Slicer and MedSegAICore."""
