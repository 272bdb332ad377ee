"""The experiments by name: where each is, and what it shows."""

from __future__ import annotations

# figure -> (module, function, what it shows)
FIGURES: dict[str, tuple[str, str, str]] = {
    "2": ("figure2", "figure_2", "convolution + FC 1024-1024-10 on ten-class digits (or your .npz)"),
    "3": ("figure3", "figure_3", "5-50-1 networks of five activations on sine data"),
    "4": ("figure4", "figure_4", "a residual network of five layers, five activations"),
    "5": ("figure5", "figure_5", "the output is close to a polynomial of degree p"),
    "6": ("figure6", "figure_6", "the direction field and its stable lines"),
    "preprint-low": ("figure3", "low_frequency", "low-frequency sine data, x² tanh x"),
    "preprint-mnist": ("figure2", "preprint_mnist", "the MNIST setting on ten-class digits (or your .npz)"),
    "relu": ("figure3", "relu", "ReLU beside the smooth ones"),
    "smaller": ("smaller", "smaller_network", "merged into a smaller network, and embedded back"),
}
