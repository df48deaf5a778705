"""Training of the network that steers the orbit of the Julia set.

    python -m models.training.orbit --data FOLDER --epochs 60 --out FOLDER

A song becomes rows of features (engine/stream/orbit_features.py), the network turns ten of them into nine
controls, the controls move the orbit (walk.py is its twin in torch), and the point c of the orbit is a
picture. What counts is measured on pictures that are really drawn (pictures.py); the gradient goes through
a small network that has learned those measurements (surrogate.py) and is checked against them.
"""
