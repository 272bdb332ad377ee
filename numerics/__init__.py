"""What happens: ODE flows, real networks, measured orientations."""
