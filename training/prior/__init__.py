"""Score-matching motion priors: denoiser, noise schedule, score, sampling, training, file and what audits need."""
