"""Floor 3: synthetic patients with closed-form answers and the private Orthanc they live in.

For the demo, the tests and the bench; independent of the stages, whose answers it must be able to judge.
"""
