"""Training of the networks that come with MedSegAI: resumable, seeded, on a processor or a graphics card."""
