"""What drives the neurons × how they are stepped: one regime a file, each with its prediction, its expected neurons and
its checks.  `verify.regimes.run.examine` picks the first one that covers an experiment.
"""
