// A ring with a notch where the character should face, and an arrow from the ring as long as the wanted speed.
#include "frame.glsl"
in vec2 at;
flat in vec2 toward;
flat in vec4 tone;
flat in float opacity;
out vec4 color;

const float RING = 0.42;

float cover(float distance) {  // signed distance to antialiased coverage
    return clamp(0.5 - distance / max(fwidth(distance), 1e-5), 0.0, 1.0);
}

void main() {
    float from = length(at);
    float ring = abs(from - RING) - 0.012;
    vec2 side = vec2(dot(at, toward), dot(at, vec2(-toward.y, toward.x)));
    float notch = max(abs(side.y) - 0.8 * (RING + 0.09 - side.x), RING - side.x);
    float shape = max(cover(ring), cover(notch));

    float tip = tone.w;
    float neck = tip - 0.26;
    float shaft = max(abs(at.y) - 0.045, max(RING + 0.12 - at.x, at.x - neck - 0.01));
    float head = max(abs(at.y) - 0.55 * (tip - at.x), neck - at.x);
    float glow = mix(0.45, 1.0, smoothstep(RING, tip, at.x));
    float arrow = tone.w > 0.0 ? max(cover(shaft), cover(head)) * glow : 0.0;
    color = vec4(finish(tone.rgb * 1.6), opacity * max(shape * 0.8, arrow * 0.95));
}
