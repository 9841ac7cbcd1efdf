"""A window on `runtime`: renders simulated characters and lets you steer them. Start it with `python -m viewer`.

Its parts:

    __main__ ─┬─ window      a pyglet window: keyboard and mouse → input → goals and camera
              └─ headless    the same scene without a display: goal script → video, film strip
    stage                    the world, its character and what it should do; both draw what it gives
    renderer, hud            Scene and Status → pixels, on gpu (OpenGL 3.3 core)
    skin ← anatomy, surface  the character's visible body, grown from its MuJoCo model
"""
