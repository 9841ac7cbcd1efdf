"""A window on `runtime`: shows simulated characters and recordings and lets you steer. Start: `python -m viewer`.

Its parts, each of which runs alone; only those below the line need OpenGL, only `window` a display:

    __main__, command ← options                 the command
    app                     keys, mouse, time in; pictures out; shows a mode on a screen
    ├─ live ← stage         a running World: characters, stunts, things, picking and pulling
    │    ├─ input, gamepad, actions → wishes    what is held → a wish → the goal of a controller's task
    │    └─ scenery, report → scene, hud        what to draw, what to tell
    ├─ player ← film        a recording or a clip, scrubbed and exported
    ├─ camera, tracks, naturalness, tuning
    └─ null                 a screen that shows nothing, for tests
    headless, script, strip, images             the same without a display: video, film strip, picture
    ─────────────────────────────────────────────────────────────────────────────────────────────
    window, panel           pyglet's window around an app; sliders over it
    screen ← renderer, overlay, quality         pixels, on gpu (OpenGL 3.3 core)
    skin ← anatomy, surface                     the character's visible body, grown from its MuJoCo model
    benchmark               frames a second
"""
